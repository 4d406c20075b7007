/** Takes a container for a start: its directories, its lock, its monitor. */
import { CurruntError } from "../base/error.ts";
import type { ContainerPaths, Roots } from "../base/paths.ts";
import { containerPaths, dataPaths } from "../base/paths.ts";
import { makeDirectories } from "../sys/directory.ts";
import type { Fd } from "../sys/fd.ts";
import { shareLock, tryLock } from "../sys/lock.ts";
import { spawnMonitor } from "../sys/monitor.ts";
import { shortID } from "./container.ts";
import { lockAtRest } from "./rest.ts";

/** A monitor that waits for its charge. */
export interface Launched {
  readonly paths: ContainerPaths;
  /** Its process ID. */
  readonly monitor: number;
  /** Connected to the monitor, which ends when this is closed before it has a program. */
  readonly socket: Fd;
  /** The container's lock, to be handed over. */
  readonly lock: Fd;
}

/**
 * Takes a container's lock, and makes its directories where they are missing; undefined when the lock is held. The run directory
 * comes last: the sweep takes one without a lock for broken off.
 */
export function lockContainer(roots: Roots, paths: ContainerPaths): Fd | undefined {
  using _entrance = shareLock(dataPaths(roots).containersLock);
  makeDirectories(paths.directory, 0o700);
  const lock = tryLock(paths.lock);
  if (lock !== undefined) makeDirectories(paths.run, 0o700);
  return lock;
}

/**
 * Makes the directories of container `id` where they are missing, takes its lock and starts a monitor.
 * Throws a conflict when the lock is held: it runs, or another command is at it.
 */
export async function launchMonitor(roots: Roots, id: string): Promise<Launched> {
  const paths = containerPaths(roots, id);
  const lock = await lockAtRest(paths, () => lockContainer(roots, paths));
  if (lock === undefined) {
    throw new CurruntError(
      "conflict",
      `start container "${shortID(id)}": it is running, or another command is changing it`,
    );
  }
  try {
    const { pid: monitor, socket } = await spawnMonitor(paths.directory);
    return { paths, monitor, socket, lock };
  } catch (error) {
    lock.close();
    throw error;
  }
}
