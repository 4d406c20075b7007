/** How a container has ended: what its monitor wrote down, taken into the index; and the removal of one of `-rm`. */

import { CurruntError } from "../base/error.ts";
import type { ContainerPaths, Roots } from "../base/paths.ts";
import { containerPaths, dataPaths } from "../base/paths.ts";
import { removeTree } from "../sys/directory.ts";
import { failedWith } from "../sys/error.ts";
import { openDirectory, readlinkat } from "../sys/file.ts";
import { readSmallFile } from "../sys/small-file.ts";
import { lookup } from "../sys/stat.ts";
import { removeCgroups } from "./cgroup-list.ts";
import type { Container } from "./container.ts";
import { openDatabase, relaxDurability } from "./database.ts";
import { ContainerStore } from "./store.ts";

/** 128 + SIGKILL: init got it when its monitor died. */
const lostExitCode = 137;

/** The end of a container's last run. */
interface Ending {
  readonly exitCode: number;
  /** Milliseconds since 1970. */
  readonly exitedAt: number;
}

/**
 * Takes the end of a container, which does not run, into the index, and lets go of what only a running one has. The file of
 * its monitor is the truth until then; without one the monitor was killed. The caller holds the lock.
 */
export function settle(containers: ContainerStore, paths: ContainerPaths, container: Container): void {
  if (container.status === "running") {
    const { exitCode, exitedAt } = readEnding(paths) ?? { exitCode: lostExitCode, exitedAt: Date.now() };
    containers.markExited(container.record.id, exitCode, exitedAt);
  }
  removeCgroups(paths.run);
  removeTree(undefined, paths.exit);
  removeTree(undefined, paths.run);
}

/** When the disk was full it is in the run directory. */
function readEnding(paths: ContainerPaths): Ending | undefined {
  return parseEnding(readIfThere(paths.exit)) ?? parseEnding(readIfThere(`${paths.run}/exit`));
}

function parseEnding(text: string): Ending | undefined {
  const [, exitCode, exitedAt] = /^(\d{1,3}) (\d+)\n$/.exec(text) ?? [];
  if (exitCode === undefined || exitedAt === undefined) return undefined;
  return { exitCode: Number(exitCode), exitedAt: Number(exitedAt) };
}

function readIfThere(path: string): string {
  try {
    return readSmallFile(path);
  } catch (error) {
    if (failedWith(error, "ENOENT")) return "";
    throw error;
  }
}

/** The hidden command that {@link removeEnded} is, and its arguments. */
export function removalArguments(roots: Roots, id: string): string[] {
  return ["remove-ended", roots.data, roots.run, id];
}

/** Removes a container of `-rm` that has ended while no client was there. Its monitor runs this, with the lock as descriptor 3. */
export async function removeEnded([data = "", run = "", id = ""]: readonly string[]): Promise<void> {
  const roots = { data, run };
  if (!holdsLock(containerPaths(roots, id).lock)) {
    throw new CurruntError("invalid", "remove-ended: only currunt itself can run this");
  }
  const database = await openDatabase(dataPaths(roots).database);
  // After a power cut the sweep finds it as it finds one whose monitor died, and removes it then.
  relaxDurability(database);
  const containers = new ContainerStore(database, roots);
  const container = containers.find(id);
  if (container?.record.remove === true) containers.remove(container.record);
}

function holdsLock(path: string): boolean {
  try {
    using self = openDirectory("/proc/self/fd");
    // Of two names for it, where the root is behind a link, the kernel tells the other.
    const held = lookup(undefined, readlinkat(self, "3"));
    const lock = lookup(undefined, path);
    return held !== undefined && held.inode === lock?.inode && held.device === lock.device;
  } catch (error) {
    if (failedWith(error, "ENOENT")) return false;
    throw error;
  }
}
