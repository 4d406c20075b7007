/** Signals for a container's init. */
import { O_WRONLY, SIGKILL } from "../../ffi/kernel.ts";
import type { ContainerPaths } from "../base/paths.ts";
import { tryOpen } from "../sys/attempt.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { writeAll } from "../sys/file.ts";
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

/** A frozen process takes no signal, of version 1 not even KILL: all go on. */
function thaw(paths: ContainerPaths): void {
  const { directories = {} } = readRunState(paths)?.cgroup ?? {};
  for (const directory of Object.values(directories)) {
    for (const [name, word] of [
      ["freezer.state", "THAWED"],
      ["cgroup.freeze", "0"],
    ] as const) {
      const file = tryOpen(undefined, `${directory}/${name}`, O_WRONLY, ["ENOENT"]);
      if (typeof file === "string") continue;
      using opened = file;
      writeAll(opened, Buffer.from(word));
    }
  }
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
    thaw(paths);
  } catch (error) {
    if (!failedWith(error, "ESRCH")) throw error;
  }
  return waitUntilEnded(init, endsWithinMs);
}

/** Sends `signal` to init; false when the container does not run. What is to end a paused one also lets it go on. */
export function signalInit(
  paths: ContainerPaths,
  signal: number,
  { ends = signal === SIGKILL } = {},
): boolean {
  using init = openInit(paths);
  if (init === undefined) return false;
  try {
    sendSignal(init, signal);
    if (ends) thaw(paths);
    return true;
  } catch (error) {
    if (failedWith(error, "ESRCH")) return false;
    throw error;
  }
}
