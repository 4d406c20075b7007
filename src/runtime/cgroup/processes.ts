/** The processes of a container's cgroup and of those below it. */

import { readDirectory } from "../../sys/directory.ts";
import type { Fd } from "../../sys/fd.ts";
import { openDirectory } from "../../sys/file.ts";
import { tryOpenCgroup, tryReadCgroupFile } from "./file.ts";
import type { CgroupState } from "./state.ts";
import { directoryOfController, unifiedDirectory } from "./state.ts";

/** The directory that tells best who is in the container: the unified one, or that of any controller. */
export function mainDirectory(state: CgroupState): string | undefined {
  return (
    unifiedDirectory(state) ??
    directoryOfController(state, "freezer") ??
    directoryOfController(state, "devices") ??
    Object.values(state.directories)[0]
  );
}

/** Their pids as the host counts them, in order; none when the cgroup is gone. */
export function processesOf(state: CgroupState): number[] {
  const path = mainDirectory(state);
  const found = path === undefined ? [] : cgroupsBelow(path).flatMap(processesIn);
  return [...new Set(found)].sort((a, b) => a - b);
}

/** The cgroup at `path` and all below it, those above first; none when it is gone. */
export function cgroupsBelow(path: string): string[] {
  const directory = tryOpenCgroup(path);
  if (directory === undefined) return [];
  directory.close();
  using listing = openDirectory(path);
  const children = readDirectory(listing).filter(({ isDirectory }) => isDirectory === true);
  return [path, ...children.flatMap(({ name }) => cgroupsBelow(`${path}/${name.toString()}`))];
}

function processesIn(path: string): number[] {
  using directory = tryOpenCgroup(path);
  // A threaded cgroup has threads, whose processes its domain lists.
  return directory === undefined ? [] : readPids(directory, "cgroup.procs");
}

function readPids(directory: Fd, name: string): number[] {
  const lines = (tryReadCgroupFile(directory, name) ?? "").split("\n");
  return lines.map(Number).filter((pid) => pid > 0);
}
