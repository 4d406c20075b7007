/** Sends a signal to a container. */
import { CurruntError } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { openProcess, sendSignal, startTimeOf } from "../sys/process.ts";
import type { ContainerState } from "./state.ts";

/** A descriptor of the container's init; undefined when it has ended. */
export function openInit({ pid, startTime }: ContainerState): Fd | undefined {
  let pidfd: Fd;
  try {
    pidfd = openProcess(pid);
  } catch (error) {
    if (failedWith(error, "ESRCH", "EINVAL")) return undefined;
    throw error;
  }
  // From here on the descriptor means one process: is it the one that we know?
  if (startTimeOf(pid) === startTime) return pidfd;
  pidfd.close();
  return undefined;
}

/** Callers look for these words. */
export function notRunning(): CurruntError {
  return new CurruntError("conflict", "container not running");
}

/** Signals init; `all`: a container that has ended is no error. */
export function killContainer(
  state: ContainerState,
  signal: number,
  { all }: { readonly all: boolean },
): void {
  using init = openInit(state);
  if (init === undefined) {
    if (all) return;
    throw notRunning();
  }
  try {
    sendSignal(init, signal);
  } catch (error) {
    if (!failedWith(error, "ESRCH")) throw error;
    if (!all) throw notRunning();
  }
}
