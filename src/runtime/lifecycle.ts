/** What can be done to a container that runs. */
import { CurruntError } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import { openProcess, sendSignal } from "../sys/process.ts";
import type { StateRecord } from "./state.ts";
import { statusOf } from "./state.ts";

/** Sends a signal to the container's init; throws a conflict, "container not running", when it has ended. */
export function killContainer(record: StateRecord, signal: number): void {
  const notRunning = () =>
    new CurruntError("conflict", `signal container "${record.id}": container not running`);
  try {
    using init = openProcess(record.pid);
    // Asked after the descriptor is held: the answer is about the process that gets the signal.
    if (statusOf(record) === "stopped") throw notRunning();
    sendSignal(init, signal);
  } catch (error) {
    throw failedWith(error, "ESRCH") ? notRunning() : error;
  }
}
