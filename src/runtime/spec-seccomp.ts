/** The runtime specification's types of `linux.seccomp`. */

export type LinuxSeccompAction =
  | "SCMP_ACT_KILL"
  | "SCMP_ACT_KILL_PROCESS"
  | "SCMP_ACT_KILL_THREAD"
  | "SCMP_ACT_TRAP"
  | "SCMP_ACT_ERRNO"
  | "SCMP_ACT_TRACE"
  | "SCMP_ACT_ALLOW"
  | "SCMP_ACT_LOG"
  | "SCMP_ACT_NOTIFY";

export type LinuxSeccompOperator =
  | "SCMP_CMP_NE"
  | "SCMP_CMP_LT"
  | "SCMP_CMP_LE"
  | "SCMP_CMP_EQ"
  | "SCMP_CMP_GE"
  | "SCMP_CMP_GT"
  | "SCMP_CMP_MASKED_EQ";

export interface LinuxSeccompArg {
  /** Index of the system call's argument, from 0. */
  readonly index: number;
  /** A bigint where a number cannot hold all 64 bits. */
  readonly value: number | bigint;
  readonly valueTwo?: number | bigint;
  readonly op: LinuxSeccompOperator;
}

export interface LinuxSyscall {
  readonly names: readonly string[];
  readonly action: LinuxSeccompAction;
  readonly errnoRet?: number;
  readonly args?: readonly LinuxSeccompArg[];
}

export interface LinuxSeccomp {
  readonly defaultAction: LinuxSeccompAction;
  readonly defaultErrnoRet?: number;
  /** "SCMP_ARCH_X86_64". */
  readonly architectures?: readonly string[];
  /** "SECCOMP_FILTER_FLAG_LOG". */
  readonly flags?: readonly string[];
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls?: readonly LinuxSyscall[];
}
