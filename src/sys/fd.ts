/** File descriptors that close themselves, and the calls that make pairs of them. */
import { F_DUPFD_CLOEXEC } from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { check } from "./error.ts";

/** An owned descriptor: `using` closes it. Raw numbers stay inside `sys/` and calls that lend them. */
export class Fd implements Disposable {
  #number: number;

  constructor(number: number) {
    this.#number = number;
  }

  /** The raw number, lent for one call. Throws once it is closed: the number may belong to another file by then. */
  get number(): number {
    if (this.#number < 0) throw new Error("file descriptor used after it was closed");
    return this.#number;
  }

  get closed(): boolean {
    return this.#number < 0;
  }

  /** Gives the number away: the caller closes it. */
  release(): number {
    const { number } = this;
    this.#number = -1;
    return number;
  }

  /** Closes once; a second call does nothing (`man 2 close`: never retry, not even on EINTR). */
  close(): void {
    if (this.#number >= 0) libc.close(this.release());
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const O_CLOEXEC = 0o2000000;

/** Both ends of a pipe, close-on-exec (`man 2 pipe2`). */
export function pipe(flags = 0): { reader: Fd; writer: Fd } {
  const ends = new Int32Array(2);
  check(libc.pipe2(ends, O_CLOEXEC | flags), "pipe2");
  return { reader: new Fd(ends[0] ?? -1), writer: new Fd(ends[1] ?? -1) };
}

const F_GETFD = 1;

/** Whether the number means an open file in this process: of use for descriptors that a caller says it passed. */
export function isOpen(fd: Fd): boolean {
  return libc.fcntl(fd.number, F_GETFD, 0) !== -1;
}

/** Another descriptor of the open file that `number` means: for the standard streams, which are not ours to close. */
export function duplicate(number: number): Fd {
  return new Fd(check(libc.fcntl(number, F_DUPFD_CLOEXEC, 3), "fcntl"));
}
