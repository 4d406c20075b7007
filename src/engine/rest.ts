/** Takes the lock of a container that does not run: others may hold it for a moment. */
import type { ContainerPaths } from "../base/paths.ts";
import type { Fd } from "../sys/fd.ts";
import { tryLock } from "../sys/lock.ts";
import { openInit } from "./signal.ts";

/** How often, and how long in between, before it counts as held for longer. */
const [attempts, pauseMs] = [50, 20];

/**
 * The sweep of another command takes the lock of a container that has ended, to write down how it did. Undefined when the lock is held
 * for longer than that takes, at once when the container runs. `take`: how it is taken.
 */
export async function lockAtRest(
  paths: ContainerPaths,
  take: () => Fd | undefined = () => tryLock(paths.lock),
): Promise<Fd | undefined> {
  for (let left = attempts; ; left--) {
    const lock = take();
    if (lock !== undefined || left === 0 || runs(paths)) return lock;
    await Bun.sleep(pauseMs);
  }
}

/** Whether its program runs. */
export function runs(paths: ContainerPaths): boolean {
  using init = openInit(paths);
  return init !== undefined;
}
