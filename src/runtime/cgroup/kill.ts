/** Sends a signal to all processes of a container. */
import { SIGKILL } from "../../../ffi/kernel.ts";
import { failedWith } from "../../sys/error.ts";
import { openProcess, sendSignal } from "../../sys/process.ts";
import { tryOpenCgroup, tryWriteCgroupFile } from "./file.ts";
import { freeze, isFrozen, thaw } from "./freeze.ts";
import { processesOf } from "./processes.ts";
import type { CgroupState } from "./state.ts";
import { unifiedDirectory } from "./state.ts";

/** SIGKILL reaches processes that are made meanwhile, too: by the kernel's own means, or by freezing them first. */
export async function killAll(state: CgroupState, signal: number): Promise<void> {
  if (signal !== SIGKILL) {
    signalAll(state, signal);
    return;
  }
  if (killUnified(state)) {
    // Processes that the freezer of version 1 holds end only when it lets them go.
    if (isFrozen(state)) await thaw(state);
    return;
  }
  try {
    await freeze(state);
  } catch {
    // No freezer, or one that does not get done: the rounds below must do.
  }
  try {
    for (let round = 0; round < 10 && signalAll(state, signal) > 0 && !isFrozen(state); round++);
  } finally {
    await thaw(state);
  }
}

/** `cgroup.kill`, since Linux 5.14: all processes at once, and none escapes. */
function killUnified(state: CgroupState): boolean {
  const path = unifiedDirectory(state);
  using directory = path === undefined ? undefined : tryOpenCgroup(path);
  if (directory === undefined) return false;
  const failure = tryWriteCgroupFile(directory, "cgroup.kill", "1", ["ENOENT", "ENODEV"]);
  // ENODEV: it was removed since it was opened, which takes that nothing is in it.
  return failure !== "ENOENT";
}

/** Returns how many there were. */
function signalAll(state: CgroupState, signal: number): number {
  const pids = processesOf(state);
  for (const pid of pids) {
    try {
      using pidfd = openProcess(pid);
      sendSignal(pidfd, signal);
    } catch (error) {
      if (!failedWith(error, "ESRCH")) throw error;
    }
  }
  return pids.length;
}
