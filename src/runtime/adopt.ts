/** Gives a running container the cgroup that it was made without. */
import { CurruntError } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import { claimDirectory } from "../sys/lease.ts";
import { startTimeOf } from "../sys/process.ts";
import { lacksCgroup, processesBeside } from "./beside.ts";
import type { Cgroup } from "./cgroup/cgroup.ts";
import { createCgroup } from "./cgroup/cgroup.ts";
import type { CgroupState } from "./cgroup/state.ts";
import { notRunning } from "./kill.ts";
import { readState, saveState } from "./state.ts";
import type { StatePaths } from "./state-root.ts";

/** Moves all processes in; `onPlanned` is told before anything is made. Nothing happens when it has one. */
export async function adoptCgroup(
  paths: StatePaths,
  cgroupsPath: string,
  onPlanned: (planned: CgroupState) => void,
): Promise<void> {
  using lock = claimDirectory(paths.directory);
  const state = readState(paths);
  if (!lacksCgroup(state)) return;
  if (lock === undefined) {
    throw new CurruntError("conflict", "another command is giving the container a cgroup", {
      hint: "try again in a moment",
    });
  }
  const { id, ociVersion } = state;
  using cgroup = await createCgroup({ id, spec: { ociVersion, linux: { cgroupsPath } }, onPlanned });
  try {
    await moveAll(cgroup, state.pid);
    // Whoever saw its end may have looked for cgroups before there were any.
    if (startTimeOf(state.pid) !== state.startTime) throw notRunning();
    saveState(paths, { ...state, cgroup: cgroup.state });
  } catch (error) {
    await cgroup.remove();
    throw error;
  }
}

/** One that was forked by another which had not been moved yet is found the next time. */
async function moveAll(cgroup: Cgroup, init: number): Promise<void> {
  for (;;) {
    const left = await outside(cgroup, init);
    if (left.length === 0) return;
    for (const pid of left) await join(cgroup, pid);
  }
}

async function outside(cgroup: Cgroup, init: number): Promise<number[]> {
  const inside = new Set(await cgroup.processes());
  return processesBeside(init).filter((pid) => !inside.has(pid));
}

async function join(cgroup: Cgroup, pid: number): Promise<void> {
  try {
    await cgroup.join(pid);
  } catch (error) {
    // It has ended meanwhile.
    if (!failedWith(error, "ESRCH")) throw error;
  }
}
