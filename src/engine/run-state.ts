/** `<run root>/<id>/state.json`: which process is the container's init, in the form of the runtime's state files. */
import type { ContainerPaths } from "../base/paths.ts";
import type { CgroupState } from "../runtime/cgroup/state.ts";
import { failedWith } from "../sys/error.ts";
import { renameat } from "../sys/file.ts";
import { startTimeOf } from "../sys/process.ts";
import { readSmallFile, writeSmallFile } from "../sys/small-file.ts";

/** What names a running init for sure. */
export interface RunState {
  /** As the host sees it. */
  readonly pid: number;
  /** In clock ticks since boot: tells a reused pid apart. */
  readonly startTime: number;
  readonly cgroup?: CgroupState;
}

/**
 * Prepares the state of a container whose init has been cloned. Calling the result shows it: once the program runs, since
 * whoever finds it may join the container.
 */
export function prepareRunState(
  paths: ContainerPaths,
  id: string,
  pid: number,
  cgroup?: CgroupState,
): () => void {
  const record = {
    ociVersion: "1.3.0",
    id,
    pid,
    // 0 for an init that is a zombie already: no process has that.
    startTime: startTimeOf(pid) ?? 0,
    bundle: paths.directory,
    rootfs: "",
    created: new Date().toISOString(),
    owner: "root",
    annotations: {},
    ...(cgroup === undefined ? {} : { cgroup }),
  };
  writeSmallFile(`${paths.state}.new`, JSON.stringify(record), 0o600);
  return () => renameat(undefined, `${paths.state}.new`, undefined, paths.state);
}

/** The init of a container, or undefined when it does not run (any more). */
export function readRunState(paths: ContainerPaths): RunState | undefined {
  let state: unknown;
  try {
    state = JSON.parse(readSmallFile(paths.state));
  } catch (error) {
    if (failedWith(error, "ENOENT")) return undefined;
    throw error;
  }
  if (typeof state !== "object" || state === null) return undefined;
  if (!("pid" in state && "startTime" in state)) return undefined;
  const { pid, startTime } = state;
  if (typeof pid !== "number" || typeof startTime !== "number") return undefined;
  if (startTimeOf(pid) !== startTime) return undefined;
  // Written by this program, in a directory that is root's own.
  return "cgroup" in state ? { pid, startTime, cgroup: state.cgroup as CgroupState } : { pid, startTime };
}
