/** Volumes: what the image has at their place goes into new anonymous ones; missing sources of binds are made. */
import { join } from "node:path";
import { O_DIRECTORY, O_RDONLY } from "../../ffi/kernel.ts";
import type { Roots } from "../base/paths.ts";
import { dataPaths } from "../base/paths.ts";
import { copyTree } from "../sys/copy.ts";
import { makeDirectories, removeTree } from "../sys/directory.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { openInRoot, renameat } from "../sys/file.ts";
import { isThere } from "../sys/stat.ts";
import type { ContainerRecord } from "./container.ts";

/** The directory of an anonymous volume. */
export function volumePath(roots: Roots, name: string): string {
  return join(dataPaths(roots).volumes, name);
}

/**
 * Makes the directories of a container's anonymous volumes with what `root` has at their place, owner and mode of the place
 * itself included. A volume that exists is left as it is: it was filled at an earlier start.
 */
export function fillVolumes(roots: Roots, record: ContainerRecord, root: Fd): void {
  for (const { name, target, copy } of record.anonymousVolumes) {
    const path = volumePath(roots, name);
    if (isThere(undefined, path)) continue;
    using source = copy ? openDirectoryIfThere(root, target) : undefined;
    if (source === undefined) {
      makeDirectories(path, 0o755);
      continue;
    }
    // Under another name until it is complete: a start that was killed must not leave a part that counts as filled.
    const unfinished = `${path}.new`;
    removeTree(undefined, unfinished);
    copyTree(source, unfinished);
    renameat(undefined, unfinished, undefined, path);
  }
}

function openDirectoryIfThere(root: Fd, path: string): Fd | undefined {
  try {
    return openInRoot(root, path, O_RDONLY | O_DIRECTORY);
  } catch (error) {
    if (failedWith(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
}

/**
 * Makes the sources of binds that are missing, as directories: docker's rule for `-volume`. Anonymous volumes are left to
 * {@link fillVolumes}, which takes one that exists for filled.
 */
export function makeSources(roots: Roots, record: ContainerRecord): void {
  const anonymous = new Set(record.anonymousVolumes.map(({ name }) => volumePath(roots, name)));
  for (const { type, source } of record.spec.mounts ?? []) {
    // Not with node:fs, for which a path is UTF-8.
    if (type === "bind" && source !== undefined && !anonymous.has(source)) makeDirectories(source, 0o755);
  }
}
