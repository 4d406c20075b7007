/** Locks on files that end with their holder: open file description locks (`man 2 F_OFD_SETLK`). */
import {
  F_OFD_GETLK,
  F_OFD_SETLK,
  F_OFD_SETLKW,
  F_RDLCK,
  F_UNLCK,
  F_WRLCK,
  O_CLOEXEC,
  O_CREAT,
  O_RDWR,
  SEEK_SET,
} from "../../ffi/kernel.ts";
import { errno, libc } from "../../ffi/libc.ts";
import { struct } from "../../ffi/struct.ts";
import { check, failedWith, SyscallError } from "./error.ts";
import type { Fd } from "./fd.ts";
import { openat } from "./file.ts";

// <fcntl.h>; l_pid must be 0 for these locks.
const flock = struct("flock", { l_type: "i16", l_whence: "i16", l_start: "i64", l_len: "i64", l_pid: "i32" });
const EAGAIN = 11;
const EINTR = 4;

function request(type: number): Uint8Array {
  // Length 0: to the end of the file, however long it is.
  return flock.pack({ l_type: type, l_whence: SEEK_SET, l_start: 0, l_len: 0 });
}

/**
 * Takes the exclusive lock of the file at `path`, which is made when it is missing; undefined when another holds it.
 * The lock belongs to the open file: a child that inherits the descriptor holds it too, and it ends when the last of
 * them is closed, so also by kill -9. Unlike flock(2) it can be asked for without taking it: see `isLocked`.
 */
export function tryLock(path: string): Fd | undefined {
  const file = openat(undefined, path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600);
  for (;;) {
    if (libc.fcntl_ptr(file.number, F_OFD_SETLK, request(F_WRLCK)) === 0) return file;
    const error = errno();
    if (error !== EAGAIN) {
      file.close();
      throw new SyscallError("fcntl F_OFD_SETLK", error, path);
    }
    if (conflictOf(file) === F_WRLCK) {
      file.close();
      return undefined;
    }
    // One that waited for the last holder has its shared lock for a moment only: try again.
  }
}

/** As `tryLock`, and undefined too when others share the lock at the moment. */
export function tryLockOnce(path: string): Fd | undefined {
  const file = openat(undefined, path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600);
  if (libc.fcntl_ptr(file.number, F_OFD_SETLK, request(F_WRLCK)) === 0) return file;
  const error = errno();
  file.close();
  if (error === EAGAIN) return undefined;
  throw new SyscallError("fcntl F_OFD_SETLK", error, path);
}

/** Shares the lock of the file at `path` with others that do; blocks the thread while one has it for itself. */
export function shareLock(path: string): Fd {
  const file = openat(undefined, path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600);
  try {
    waitForShare(file, path);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Whether some process holds the lock of the file at `path`. Disturbs nobody; a missing file is not locked. */
export function isLocked(path: string): boolean {
  using file = openExisting(path);
  return file !== undefined && conflictOf(file) !== F_UNLCK;
}

/** Blocks the thread until nobody holds the lock of the file at `path`; returns at once when the file is missing. */
export function waitForUnlock(path: string): void {
  using file = openExisting(path);
  if (file !== undefined) waitForShare(file, path);
}

function waitForShare(file: Fd, path: string): void {
  while (libc.fcntl_ptr(file.number, F_OFD_SETLKW, request(F_RDLCK)) !== 0) {
    const error = errno();
    if (error !== EINTR) throw new SyscallError("fcntl F_OFD_SETLKW", error, path);
  }
}

/** The type of the lock that an exclusive one would wait for, or F_UNLCK. */
function conflictOf(file: Fd): number {
  const answer = request(F_WRLCK);
  check(libc.fcntl_ptr(file.number, F_OFD_GETLK, answer), "fcntl F_OFD_GETLK");
  return flock.unpack(answer).l_type;
}

function openExisting(path: string): Fd | undefined {
  try {
    return openat(undefined, path, O_RDWR | O_CLOEXEC);
  } catch (error) {
    if (failedWith(error, "ENOENT")) return undefined;
    throw error;
  }
}
