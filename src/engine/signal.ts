/** Signals for a container's init. */
import type { ContainerPaths } from "../base/paths.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { openProcess, sendSignal } from "../sys/process.ts";
import { readRunState } from "./run-state.ts";

/** A descriptor of the running init; undefined when the container does not run. */
export function openInit(paths: ContainerPaths): Fd | undefined {
  const before = readRunState(paths);
  if (before === undefined) return undefined;
  try {
    const init = openProcess(before.pid);
    // Asked again now that the descriptor is held: the pid may have changed hands in between.
    if (readRunState(paths)?.startTime === before.startTime) return init;
    init.close();
  } catch (error) {
    if (!failedWith(error, "ESRCH")) throw error;
  }
  return undefined;
}

/** Sends `signal` to init; false when the container does not run. */
export function signalInit(paths: ContainerPaths, signal: number): boolean {
  using init = openInit(paths);
  if (init === undefined) return false;
  try {
    sendSignal(init, signal);
    return true;
  } catch (error) {
    if (failedWith(error, "ESRCH")) return false;
    throw error;
  }
}
