/** Shared and exclusive locks on directories that end with their holder (`man 2 flock`). */
import { errno, libc } from "../../ffi/libc.ts";
import { SyscallError } from "./error.ts";
import type { Fd } from "./fd.ts";
import { openDirectory } from "./file.ts";

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const EINTR = 4;
const EAGAIN = 11;

/** Shares the lock of `directory` with others who share it; waits for an exclusive holder, who must be quick. */
export function shareDirectory(directory: string): Fd {
  return waitForLock(directory, LOCK_SH);
}

/** Takes the exclusive lock of `directory`; waits for whoever holds it, who must be quick. */
export function lockDirectory(directory: string): Fd {
  return waitForLock(directory, LOCK_EX);
}

/** Takes the exclusive lock of `directory`; undefined when anybody holds it or shares it. */
export function claimDirectory(directory: string): Fd | undefined {
  const fd = openDirectory(directory);
  try {
    if (flock(fd, LOCK_EX | LOCK_NB, directory)) return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
  fd.close();
  return undefined;
}

function waitForLock(directory: string, operation: number): Fd {
  const fd = openDirectory(directory);
  try {
    flock(fd, operation, directory);
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}

function flock(fd: Fd, operation: number, subject: string): boolean {
  while (libc.flock(fd.number, operation) !== 0) {
    const error = errno();
    if (error === EAGAIN) return false;
    if (error !== EINTR) throw new SyscallError("flock", error, subject);
  }
  return true;
}
