/** Waits for the kernel to say that a file of its own has changed. */
import { POLLERR, POLLPRI, pollfd } from "../../ffi/kernel.ts";
import { errno, libc } from "../../ffi/libc.ts";
import { SyscallError } from "./error.ts";
import type { Fd } from "./fd.ts";

const EINTR = 4;

/**
 * Blocks until an open file of sysfs or cgroupfs, which has been read before, announces other contents; false when it has
 * not after `timeoutMs` (`man 2 poll`, POLLPRI).
 */
export function waitForChange(file: Fd, timeoutMs: number): boolean {
  const asked = pollfd.pack({ fd: file.number, events: POLLPRI | POLLERR });
  for (;;) {
    const ready = libc.poll(asked, 1, timeoutMs);
    if (ready !== -1) return ready === 1;
    if (errno() !== EINTR) throw new SyscallError("poll", errno());
  }
}
