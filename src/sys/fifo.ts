/** Named pipes that one process waits at for another (`man 7 fifo`). */
import { O_CLOEXEC, O_NONBLOCK, O_RDWR, O_WRONLY, POLLERR, pollfd, S_IFIFO } from "../../ffi/kernel.ts";
import { errno, libc } from "../../ffi/libc.ts";
import { check, failureOf, SyscallError } from "./error.ts";
import { Fd } from "./fd.ts";
import { encodePath, numberOf, openat } from "./file.ts";

const EINTR = 4;

/** Makes a fifo at `path`, and opens it so that reading blocks until somebody writes. */
export function makeFifo(path: string): Fd {
  check(libc.mknodat(numberOf(undefined), encodePath(path), S_IFIFO | 0o600, 0), "mknodat", path);
  return openat(undefined, path, O_RDWR);
}

/** Opens the fifo at `path` for writing; undefined when there is none, or nobody has it open to read. */
export function openFifoWriter(path: string): Fd | undefined {
  const number = libc.openat(numberOf(undefined), encodePath(path), O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0);
  const expected = ["ENOENT", "ENXIO"] as const;
  const failure = failureOf(number, { operation: "openat", subject: () => path, expected });
  return failure === undefined ? new Fd(number) : undefined;
}

/** Blocks until nobody has the other end of the fifo open any more. */
export function waitUntilUnread(writer: Fd): void {
  for (;;) {
    // POLLERR comes without being asked for (man 2 poll).
    const asked = pollfd.pack({ fd: writer.number, events: 0 });
    const ready = libc.poll(asked, 1, -1);
    if (ready === -1 && errno() !== EINTR) throw new SyscallError("poll", errno(), "fifo");
    if (ready === 1 && (pollfd.unpack(asked).revents & POLLERR) !== 0) return;
  }
}
