/** The processes of a container that has no cgroup: those that see the mounts that its init sees. */
import { listDirectory } from "../sys/directory.ts";
import { failedWith } from "../sys/error.ts";
import { readlinkat } from "../sys/file.ts";
import type { ContainerState } from "./state.ts";

/** True when no cgroup knows the container's processes: it was made where cgroups may not be. */
export function lacksCgroup({ cgroup }: ContainerState): boolean {
  return cgroup === undefined || Object.keys(cgroup.directories).length === 0;
}

/**
 * Process IDs as the host counts them, init's among them; none once init has ended. A process that has left the container's
 * mount namespace is not found. Nor is any when the container shares ours.
 */
export function processesBeside(init: number): number[] {
  const mounts = mountsOf(init);
  if (mounts === undefined || mounts === mountsOf("self")) return [];
  return listDirectory("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => mountsOf(pid) === mounts);
}

/** Undefined for a process that has ended, and for one that we may not look into. */
function mountsOf(pid: number | "self"): string | undefined {
  try {
    return readlinkat(undefined, `/proc/${pid}/ns/mnt`).toString();
  } catch (error) {
    if (failedWith(error, "ENOENT", "ESRCH", "EACCES", "EPERM")) return undefined;
    throw error;
  }
}
