/** SyscallError: which call failed, on what, with which errno, and what that usually means. */
import { errno } from "../../ffi/libc.ts";
import { CurruntError, recognizeCopies } from "../base/error.ts";

/** Error numbers that callers ask about (asm-generic/errno-base.h and errno.h: the same on all our architectures). */
const numbers = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EIO: 5,
  ENXIO: 6,
  EBADF: 9,
  EAGAIN: 11,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  EFBIG: 27,
  ENOSPC: 28,
  EROFS: 30,
  EPIPE: 32,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EOPNOTSUPP: 95,
  ECONNRESET: 104,
  ECONNREFUSED: 111,
  EDQUOT: 122,
} as const;

/** The name of an error number that callers ask about. */
export type ErrnoName = keyof typeof numbers;

/**
 * Always of kind "internal": only the caller knows whether an ENOENT means that a thing does not exist. The message is
 * made when it is read: most failures are expected, and looking up the words takes as long as starting a container's half.
 */
export class SyscallError extends CurruntError {
  override readonly name = "SyscallError";

  /** The system call's name, as in section 2 of the manual. */
  readonly operation: string;
  /** Positive error number. */
  readonly errno: number;
  /** What the call was about: a path, a name. */
  readonly subject: string | undefined;

  constructor(operation: string, errno: number, subject?: string) {
    super("internal", "");
    this.operation = operation;
    this.errno = errno;
    this.subject = subject;
    Object.defineProperties(this, {
      message: { get: () => this.describe() },
      hint: { get: () => hintFor(operation, errnoCode(errno)) },
    });
  }

  /** The message. */
  protected describe(): string {
    const about =
      this.subject === undefined ? this.operation : `${this.operation} ${JSON.stringify(this.subject)}`;
    return `${about}: ${describeErrno(this.errno)}`;
  }

  /** The symbolic name: "ENOENT". */
  get code(): string {
    return errnoCode(this.errno);
  }
}

recognizeCopies(SyscallError, "SyscallError");

/** What usually is behind a call's error. Made when it is asked for: a start that fails nowhere needs none of it. */
function hintFor(operation: string, code: string): string | undefined {
  const mountMismatch = "a directory can only be mounted on a directory, a file only on a file";
  const switchedOff =
    "namespaces may be switched off: see /proc/sys/user/max_*_namespaces and AppArmor's restrictions";
  const hints: Record<string, string | undefined> = {
    "mount ENOSPC": "the mount limit is reached: see /proc/sys/fs/mount-max",
    "move_mount ENOTDIR": mountMismatch,
    "move_mount EINVAL": mountMismatch,
    "open_tree ENOENT": "what is to be mounted must exist",
    "fsopen ENODEV": "the kernel does not know this filesystem: is its module loaded?",
    "mount_setattr ENOSYS": "Linux 5.12 or newer is needed",
    "unshare EPERM": switchedOff,
    "clone3 EPERM": switchedOff,
    "clone3 ENOSPC": "a limit on namespaces is reached: see /proc/sys/user/max_*_namespaces",
  };
  // Not the calls for mounts, namespaces and attributes: with them the same error means other limits.
  const fileCalls =
    "write pwrite openat mkdirat mknodat symlinkat linkat renameat copy_file_range ftruncate fsync syncfs";
  if (code === "ENOSPC" && fileCalls.split(" ").includes(operation))
    return "the disk is full: free some space, or move the data root to a bigger disk";
  return hints[`${operation} ${code}`];
}

let names: Map<number, string> | undefined;

/** "ENOENT" for 2; "errno 9999" for a number the platform does not name. */
export function errnoCode(errno: number): string {
  if (names === undefined) {
    names = new Map();
    const { constants } = process.getBuiltinModule("node:os");
    // Of two names for one number, EAGAIN and EWOULDBLOCK, the first is the usual one.
    for (const [name, number] of Object.entries(constants.errno)) {
      if (!names.has(number)) names.set(number, name);
    }
  }
  return names.get(errno) ?? `errno ${errno}`;
}

/** "ENOENT: no such file or directory" for 2. */
export function describeErrno(errno: number): string {
  // Loaded here because it takes longer than a container takes to start, and only messages need it.
  const { getSystemErrorMap } = process.getBuiltinModule("node:util");
  const text = getSystemErrorMap().get(-errno)?.[1];
  return text === undefined ? errnoCode(errno) : `${errnoCode(errno)}: ${text}`;
}

/** Returns `result`, or throws the SyscallError of the call that just returned -1. */
export function check(result: number, operation: string, subject?: string): number {
  if (result === -1) throw new SyscallError(operation, errno(), subject);
  return result;
}

/** A call that may fail in ways that the caller is prepared for. */
export interface Attempt {
  readonly operation: string;
  /** Text for an unexpected failure. */
  readonly subject: () => string;
  readonly expected: readonly ErrnoName[];
}

/** Undefined when the call succeeded, else the name of the expected failure; throws the SyscallError of any other. */
export function failureOf(result: number, { operation, subject, expected }: Attempt): ErrnoName | undefined {
  if (result !== -1) return undefined;
  const error = errno();
  const name = expected.find((candidate) => numbers[candidate] === error);
  if (name === undefined) throw new SyscallError(operation, error, subject());
  return name;
}

/** True for a SyscallError with one of these codes. */
export function failedWith(error: unknown, ...codes: ErrnoName[]): error is SyscallError {
  return error instanceof SyscallError && codes.some((name) => numbers[name] === error.errno);
}
