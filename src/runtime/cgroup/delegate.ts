/** Gives a container's cgroup to the container's user, so that a system inside can divide it up (cgroup v2). */
import { wrap } from "../../base/error.ts";
import { failedWith } from "../../sys/error.ts";
import { fchownat } from "../../sys/file.ts";
import { readSmallFile } from "../../sys/small-file.ts";
import type { LinuxIDMapping, Spec } from "../spec.ts";
import { openCgroupDirectory } from "./file.ts";
import type { CgroupState } from "./state.ts";
import { unifiedDirectory } from "./state.ts";

/** The user of the host who is the container's; undefined when the container does not see its cgroup writable and alone. */
export function delegatedTo({ linux, mounts = [], process }: Spec): number | undefined {
  const own = linux?.namespaces?.some(({ type, path }) => type === "cgroup" && !path);
  const writable = mounts.some(
    ({ type, options = [], destination }) =>
      type?.startsWith("cgroup") === true && destination === "/sys/fs/cgroup" && !options.includes("ro"),
  );
  if (own !== true || !writable || process === undefined) return undefined;
  return hostId(process.user.uid, linux?.uidMappings ?? []);
}

/** An ID of the container as the host's; without mappings they are the same. */
function hostId(id: number, mappings: readonly LinuxIDMapping[]): number | undefined {
  if (mappings.length === 0) return id;
  const mapping = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  return mapping === undefined ? undefined : mapping.hostID + id - mapping.containerID;
}

/** Changes the owner of the directory and of the files that the kernel lists for it (`man 7 cgroups`, delegation). */
export function delegate(state: CgroupState, uid: number): void {
  const path = unifiedDirectory(state);
  if (path === undefined || uid === 0) return;
  using directory = openCgroupDirectory(path);
  const noGroup = 0xffff_ffff;
  for (const name of [".", ...delegatedFiles()]) {
    try {
      fchownat(directory, name, uid, noGroup);
    } catch (error) {
      // A file of a controller that this cgroup has not got.
      if (!failedWith(error, "ENOENT")) throw wrap(error, `give cgroup "${path}" to user ${uid}`);
    }
  }
}

function delegatedFiles(): string[] {
  try {
    return readSmallFile("/sys/kernel/cgroup/delegate")
      .split("\n")
      .filter((name) => name !== "" && !name.includes("/"));
  } catch (error) {
    if (!failedWith(error, "ENOENT")) throw error;
    return ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];
  }
}
