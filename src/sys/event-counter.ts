/** Counters that the kernel adds to when something has happened (`man 2 eventfd`). */
import { O_CLOEXEC, O_NONBLOCK } from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { check, failureOf } from "./error.ts";
import { Fd } from "./fd.ts";

/** A counter at zero: readable when it is more. */
export function makeEventCounter(): Fd {
  // EFD_CLOEXEC and EFD_NONBLOCK are these (sys/eventfd.h).
  return new Fd(check(libc.eventfd(0, O_CLOEXEC | O_NONBLOCK), "eventfd"));
}

/** Sets it back to zero. */
export function takeEvents(counter: Fd): void {
  const count = new Uint8Array(8);
  const result = libc.read(counter.number, count, count.length);
  failureOf(result, { operation: "read", subject: () => "eventfd", expected: ["EAGAIN"] });
}
