/** Processes by descriptor: open, signal, wait, and who takes orphans in. */
import { POLLIN, PR_SET_CHILD_SUBREAPER, pollfd, rlimit64, SIG_UNBLOCK, WNOHANG } from "../../ffi/kernel.ts";
import { errno, libc } from "../../ffi/libc.ts";
import { check, SyscallError } from "./error.ts";
import { Fd } from "./fd.ts";
import { readSmallFile } from "./small-file.ts";

const EINTR = 4;
const ECHILD = 10;

/** Of the C library, which has room for more signals than there are. */
const signalSetSize = 128;

/** A descriptor of process `pid`, close-on-exec: readable once it has ended (`man 2 pidfd_open`). */
export function openProcess(pid: number): Fd {
  return new Fd(check(libc.pidfd_open(pid, 0), "pidfd_open", String(pid)));
}

/** A copy of descriptor `fd` of a process that we may trace, close-on-exec (`man 2 pidfd_getfd`, Linux 5.6). */
export function takeDescriptor(pidfd: Fd, fd: number): Fd {
  return new Fd(check(libc.pidfd_getfd(pidfd.number, fd, 0), "pidfd_getfd", String(fd)));
}

/**
 * The file mode creation mask, of all threads. Asked of the kernel as text (`man 5 proc_pid_status`, Linux 4.7): umask(2), and
 * so `process.umask()`, sets another one for a moment, and two threads that ask at once can leave it at 0.
 */
export function readUmask(): number {
  return Number.parseInt(/^Umask:\s*([0-7]+)$/m.exec(readSmallFile("/proc/self/status"))?.[1] ?? "22", 8);
}

/** Sends a signal to the very process that `pidfd` means; ESRCH when it has ended and been waited for. */
export function sendSignal(pidfd: Fd, signal: number): void {
  check(libc.pidfd_send_signal(pidfd.number, signal, null, 0), "pidfd_send_signal");
}

/** Has this thread get the signals again that it has blocked (`man 3 sigprocmask`). */
export function unblockSignals(signals: readonly number[]): void {
  const set = Buffer.alloc(signalSetSize);
  set.writeBigUInt64LE(signals.reduce((bits, signal) => bits | (1n << BigInt(signal - 1)), 0n));
  check(libc.sigprocmask(SIG_UNBLOCK, set, null), "sigprocmask");
}

/** Blocks until the process, which need be no child of ours, has ended; false when it has not after `timeoutMs`. */
export function waitUntilEnded(pidfd: Fd, timeoutMs: number): boolean {
  const asked = pollfd.pack({ fd: pidfd.number, events: POLLIN });
  for (;;) {
    const ready = libc.poll(asked, 1, timeoutMs);
    if (ready !== -1) return ready === 1;
    if (errno() !== EINTR) throw new SyscallError("poll", errno(), "pidfd");
  }
}

/**
 * The limits of open files that our caller gave us: Bun raises the soft one when it starts, which children shall not inherit.
 * The executable's first instructions keep them for us (ffi/entry); undefined where Bun was started without.
 */
export function inheritedFileLimit(): { readonly soft: bigint; readonly hard: bigint } | undefined {
  const [soft, hard] = (process.env["CURRUNT_NOFILE"] ?? "").split(":");
  return soft === undefined || hard === undefined ? undefined : { soft: BigInt(soft), hard: BigInt(hard) };
}

/** Lets process `pid` have a hard limit of at least `hard`, which takes the host's CAP_SYS_RESOURCE. */
export function raiseHardLimit(pid: number, resource: number, hard: bigint): void {
  const subject = `limit ${resource} of ${pid}`;
  const bytes = Buffer.alloc(rlimit64.size);
  check(libc.prlimit(pid, resource, null, bytes), "prlimit", subject);
  const { rlim_cur, rlim_max } = rlimit64.unpack(bytes);
  if (rlim_max >= hard) return;
  check(libc.prlimit(pid, resource, rlimit64.pack({ rlim_cur, rlim_max: hard }), null), "prlimit", subject);
}

/** How a process ended. */
export type ProcessEnd = { readonly exitCode: number } | { readonly signal: number };

/** A child that has ended. */
export interface EndedChild {
  readonly pid: number;
  readonly end: ProcessEnd;
}

/** Takes the end of child `pid` (any child: -1); undefined while it runs or when there is no such child. Never blocks. */
export function reap(pid: number): EndedChild | undefined {
  return waitFor(pid, WNOHANG);
}

/** Blocks until child `pid` ends: only for a child that is about to. */
export function waitForEnd(pid: number): EndedChild | undefined {
  return waitFor(pid, 0);
}

function waitFor(pid: number, flags: number): EndedChild | undefined {
  const status = new Int32Array(1);
  for (;;) {
    const ended = libc.waitpid(pid, status, flags);
    if (ended === 0) return undefined;
    if (ended > 0) return { pid: ended, end: decodeStatus(status[0] ?? 0) };
    const error = errno();
    if (error === ECHILD) return undefined;
    if (error !== EINTR) throw new SyscallError("waitpid", error, String(pid));
  }
}

/** `man 2 waitpid`: the low 7 bits are the signal, the next byte is the exit code. */
function decodeStatus(status: number): ProcessEnd {
  const signal = status & 0x7f;
  return signal === 0 ? { exitCode: (status >> 8) & 0xff } : { signal };
}

/** The shell's number for how a process ended: its exit code, or 128 and the signal. */
export function exitCodeOf(end: ProcessEnd): number {
  return "signal" in end ? 128 + end.signal : end.exitCode;
}

/** Makes this process the parent of orphans among its descendants (`man 2 PR_SET_CHILD_SUBREAPER`). */
export function becomeSubreaper(): void {
  check(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl", "PR_SET_CHILD_SUBREAPER");
}

/**
 * When process `pid` started, in clock ticks since boot; undefined when there is no such process or it is a zombie.
 * Together with the pid it names a process for the life of the machine.
 */
export function startTimeOf(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readSmallFile(`/proc/${pid}/stat`);
  } catch {
    return undefined;
  }
  // The name, in brackets, may hold spaces and brackets: the fields begin behind the last one (man 5 proc_pid_stat).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  return state === "Z" || state === "X" ? undefined : Number(fields[19]);
}

/** Whose rights we have. */
export function effectiveIds(): { readonly uid: number; readonly gid: number } {
  return { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
}

/** True when we do not have the host's powers, even as root. */
export function runsInUserNamespace(): boolean {
  return !/^\s*0\s+0\s+4294967295\s*$/.test(readSmallFile("/proc/self/uid_map"));
}
