/** Stops all processes of a container, and lets them go on. */
import { CurruntError } from "../base/error.ts";
import { cgroupOf } from "./container-cgroup.ts";
import { notRunning } from "./kill.ts";
import { readState, statusOf } from "./state.ts";
import type { StatePaths } from "./state-root.ts";

/** Resolves when all of them stand. */
export async function pauseContainer(paths: StatePaths): Promise<void> {
  const state = readState(paths);
  const status = await statusOf(paths, state);
  if (status !== "running" && status !== "created") throw notRunning();
  await cgroupOf(state).freeze();
}

/** Resolves when they go on. */
export async function resumeContainer(paths: StatePaths): Promise<void> {
  const state = readState(paths);
  if ((await statusOf(paths, state)) !== "paused") throw new CurruntError("conflict", "container not paused");
  await cgroupOf(state).thaw();
}
