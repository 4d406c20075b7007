/** Staging directories: where a pull puts what is not complete; who still works in them is told by locks. */
import { join } from "node:path";
import { CurruntError } from "../base/error.ts";
import { randomHex } from "../base/random.ts";
import { listDirectory, removeTree } from "../sys/directory.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { mkdirat } from "../sys/file.ts";
import { claimDirectory, shareDirectory } from "../sys/lease.ts";
import { tryLock } from "../sys/lock.ts";
import { lookup, statat } from "../sys/stat.ts";

const WORK_PREFIX = "work-";
const LOCK_PREFIX = "lock-";

/** A directory of one process, locked as long as it lives. */
export interface Staging extends Disposable {
  readonly path: string;
}

/** Makes a staging directory under `root`; disposing removes it with all that is left in it. */
export function makeStaging(root: string): Staging {
  // While this is held nobody sweeps: between mkdir and lock the directory looks abandoned.
  using _entrance = shareDirectory(root);
  const path = join(root, WORK_PREFIX + randomHex(8));
  mkdirat(undefined, path, 0o700);
  const lock = claimDirectory(path);
  if (lock === undefined) throw new CurruntError("internal", `lock ${path}: somebody else did`);
  return {
    path,
    [Symbol.dispose]() {
      // The lock goes last: what cannot be removed now is left to the next sweep.
      try {
        removeTree(undefined, path);
      } finally {
        lock.close();
      }
    },
  };
}

/** Removes what dead processes left under `root`. Cheap when there is nothing; never touches what is in use. */
export function sweepStaging(root: string): void {
  for (const name of listDirectory(root)) {
    const path = join(root, name);
    if (name.startsWith(LOCK_PREFIX)) {
      const held = tryKeyLock(root, name.slice(LOCK_PREFIX.length));
      if ("lock" in held) held.lock[Symbol.dispose]();
    } else if (name.startsWith(WORK_PREFIX)) {
      using lock = claimAbandoned(root, path);
      if (lock !== undefined) removeTree(undefined, path);
    }
  }
}

function claimAbandoned(root: string, path: string): Fd | undefined {
  using entrance = claimDirectory(root);
  if (entrance === undefined) return undefined;
  try {
    return claimDirectory(path);
  } catch (error) {
    if (failedWith(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * The lock for making `key`, held by one process at a time: undefined when another has it. `release` also removes its
 * file. `path` is for waiting.
 */
export function tryKeyLock(
  root: string,
  key: string,
): { readonly lock: KeyLock } | { readonly path: string } {
  const path = join(root, LOCK_PREFIX + key);
  const fd = lockNamed(path);
  return fd === undefined ? { path } : { lock: new KeyLock(fd, path) };
}

/** Takes the lock of the file at `path`, for files that their holders remove: undefined when another has it. */
export function lockNamed(path: string): Fd | undefined {
  for (;;) {
    const fd = tryLock(path);
    // The last holder removed the file after we opened it: our lock is on a file that nobody else will find.
    if (fd === undefined || isStill(fd, path)) return fd;
    fd.close();
  }
}

/** An owned lock: `using` releases it. */
export class KeyLock implements Disposable {
  readonly #fd: Fd;
  readonly #path: string;

  constructor(fd: Fd, path: string) {
    this.#fd = fd;
    this.#path = path;
  }

  [Symbol.dispose](): void {
    if (this.#fd.closed) return;
    // Before the lock ends: one that waits finds that the file it locks is gone, and starts anew.
    removeTree(undefined, this.#path);
    this.#fd.close();
  }
}

function isStill(fd: Fd, path: string): boolean {
  return lookup(undefined, path)?.inode === statat(fd, "").inode;
}
