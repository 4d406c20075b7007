/** Waits for descriptors: readable ones, and files of the kernel's own that announce other contents. */
import { POLLERR, POLLPRI, pollfd } from "../../ffi/kernel.ts";
import { errno, libc } from "../../ffi/libc.ts";
import { SyscallError } from "./error.ts";
import type { Fd } from "./fd.ts";

const EINTR = 4;

/** A descriptor, and the POLL* bits that are waited for. */
export interface Interest {
  readonly fd: Fd;
  readonly events: number;
}

/**
 * Blocks until an open file of sysfs or cgroupfs, which has been read before, announces other contents; false when it has
 * not after `timeoutMs` (`man 2 poll`, POLLPRI).
 */
export function waitForChange(file: Fd, timeoutMs: number): boolean {
  return poll(packInterests([{ fd: file, events: POLLPRI | POLLERR }]), timeoutMs);
}

/** Which of them are ready now. */
export function readyNow(interests: readonly Interest[]): boolean[] {
  const asked = packInterests(interests);
  poll(asked, 0);
  return interests.map((_, index) => pollfd.unpack(asked, index * pollfd.size).revents !== 0);
}

/** An array of struct pollfd. */
export function packInterests(interests: readonly Interest[]): Uint8Array {
  return Buffer.concat(interests.map(({ fd, events }) => pollfd.pack({ fd: fd.number, events })));
}

/** Blocks until one of them is ready, -1: for ever; false when none is after `timeoutMs`. */
export function poll(asked: Uint8Array, timeoutMs: number): boolean {
  for (;;) {
    const ready = libc.poll(asked, asked.length / pollfd.size, timeoutMs);
    if (ready !== -1) return ready > 0;
    if (errno() !== EINTR) throw new SyscallError("poll", errno());
  }
}
