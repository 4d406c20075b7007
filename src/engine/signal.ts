/** Signals for a container's init. */
import { SIGKILL } from "../../ffi/kernel.ts";
import type { ContainerPaths } from "../base/paths.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { openProcess, sendSignal, waitUntilEnded } from "../sys/process.ts";
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

/** A killed process ends at once, unless a device or a file server keeps it. */
const endsWithinMs = 10_000;

/**
 * Ends an init that outlived its monitor; false when it will not end. The kernel kills it with the monitor, except when
 * its program is set-uid or has file capabilities: that has taken the death signal back (`man 2 PR_SET_PDEATHSIG`).
 */
export function endInit(paths: ContainerPaths): boolean {
  using init = openInit(paths);
  if (init === undefined) return true;
  try {
    sendSignal(init, SIGKILL);
  } catch (error) {
    if (!failedWith(error, "ESRCH")) throw error;
  }
  return waitUntilEnded(init, endsWithinMs);
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
