/** Puts right what a killed client, a dead monitor or a power cut left: run by each command before it looks. */

import { explain } from "../base/error.ts";
import type { Roots } from "../base/paths.ts";
import { containerPaths, dataPaths } from "../base/paths.ts";
import { listDirectory } from "../sys/directory.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { isLocked, tryLock, tryLockOnce } from "../sys/lock.ts";
import { statat } from "../sys/stat.ts";
import { shortID } from "./container.ts";
import { isDiskFull } from "./database.ts";
import { settle } from "./exit.ts";
import { endInit } from "./signal.ts";
import type { ContainerStore } from "./store.ts";

/** Told what could not be put right: the next sweep tries again. */
export type OnWarning = (message: string) => void;

/**
 * The run root has a directory for each container that is being made, runs, or is being removed, and the container's
 * lock is held meanwhile. So one listing, and one question a running container, find what was broken off. Containers
 * at rest are looked at one by one only when the numbers say that something is amiss, as after a boot.
 */
export function recover(roots: Roots, store: ContainerStore, onWarning: OnWarning | undefined): void {
  const busy = listDirectory(roots.run);
  for (const id of busy) recoverOne(roots, store, id, onWarning);
  const { total, running } = store.count();
  const { containers, containersLock } = dataPaths(roots);
  if (running <= busy.length && directoriesIn(containers) === total) return;
  for (const { record } of store.list("running")) recoverOne(roots, store, record.id, onWarning);
  // Between its making and its lock a directory looks abandoned. Next time, when somebody is at that now.
  using entrance = tryLockOnce(containersLock);
  if (entrance === undefined) return;
  for (const id of listDirectory(containers))
    if (store.find(id) === undefined) recoverOne(roots, store, id, onWarning);
}

/** Whether the only container that is at work is the caller's: what was broken off since the boot has a directory too. */
export function isAlone(roots: Roots): boolean {
  return directoriesIn(roots.run) === 1;
}

/**
 * The number of subdirectories, without reading the directory: most file systems count them in the links of it. One that
 * does not (it says 1) makes the answer negative, and each sweep thorough.
 */
function directoriesIn(path: string): number {
  return statat(undefined, path).links - 2;
}

function recoverOne(roots: Roots, store: ContainerStore, id: string, onWarning: OnWarning | undefined): void {
  const paths = containerPaths(roots, id);
  const { lock: path } = paths;
  if (!/^[0-9a-f]{64}$/.test(id) || isLocked(path)) return;
  // Held from here on: nobody starts or removes it while we put it right, nor does another sweep.
  const lock = lockUnlessGone(path);
  if (lock === "held") return;
  try {
    // Left for the next sweep: its files can go when it has let go of them.
    if (!endInit(paths)) return;
    const container = store.find(id);
    if (container === undefined) store.removeFiles(id);
    else if (container.record.remove && container.status !== "created") store.remove(container.record);
    else settle(store, paths, container);
  } catch (error) {
    // Left for the next sweep: no command must fail for a container that it is not about. One that makes room needs none.
    if (!isDiskFull(error)) onWarning?.(`clean up after container "${shortID(id)}": ${explain(error)}`);
  } finally {
    if (lock !== "gone") lock.close();
  }
}

function lockUnlessGone(path: string): Fd | "held" | "gone" {
  try {
    return tryLock(path) ?? "held";
  } catch (error) {
    if (failedWith(error, "ENOENT")) return "gone";
    throw error;
  }
}
