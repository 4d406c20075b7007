/** SyscallError: which call failed, on what, with which errno, and what that usually means. */
import { getSystemErrorMap } from "node:util";
import { errno } from "../../ffi/libc.ts";
import { CurruntError } from "../base/error.ts";

/** Always of kind "internal": only the caller knows whether an ENOENT means that a thing does not exist. */
export class SyscallError extends CurruntError {
  override readonly name = "SyscallError";

  /** The system call's name, as in section 2 of the manual. */
  readonly operation: string;
  /** Positive error number. */
  readonly errno: number;
  /** What the call was about: a path, a name. */
  readonly subject: string | undefined;

  constructor(operation: string, errno: number, subject?: string) {
    const about = subject === undefined ? operation : `${operation} ${JSON.stringify(subject)}`;
    super("internal", `${about}: ${describeErrno(errno)}`, {
      hint: hints[`${operation} ${errnoCode(errno)}`],
    });
    this.operation = operation;
    this.errno = errno;
    this.subject = subject;
  }

  /** The symbolic name: "ENOENT". */
  get code(): string {
    return errnoCode(this.errno);
  }
}

const diskFull = "the disk is full: free some space, or move the data root to a bigger disk";
const hints: Record<string, string | undefined> = {
  "write ENOSPC": diskFull,
  "openat ENOSPC": diskFull,
  "mkdirat ENOSPC": diskFull,
  "symlinkat ENOSPC": diskFull,
  "mount ENOSPC": "the mount limit is reached: see /proc/sys/fs/mount-max",
  "unshare EPERM":
    "namespaces may be switched off: see /proc/sys/user/max_*_namespaces and AppArmor's restrictions",
  "clone3 EPERM":
    "namespaces may be switched off: see /proc/sys/user/max_*_namespaces and AppArmor's restrictions",
  "clone3 ENOSPC": "a limit on namespaces is reached: see /proc/sys/user/max_*_namespaces",
};

/** "ENOENT" for 2; "errno 9999" for a number the platform does not name. */
export function errnoCode(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[0] ?? `errno ${errno}`;
}

/** "ENOENT: no such file or directory" for 2. */
export function describeErrno(errno: number): string {
  const known = getSystemErrorMap().get(-errno);
  return known === undefined ? `errno ${errno}` : `${known[0]}: ${known[1]}`;
}

/** Returns `result`, or throws the SyscallError of the call that just returned -1. */
export function check(result: number, operation: string, subject?: string): number {
  if (result === -1) throw new SyscallError(operation, errno(), subject);
  return result;
}

/** True for a SyscallError with one of these codes. */
export function failedWith(error: unknown, ...codes: string[]): error is SyscallError {
  return error instanceof SyscallError && codes.includes(error.code);
}
