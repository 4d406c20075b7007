/** Reading and writing descriptors as they become ready, with back-pressure and without garbage. */
import { errno, libc } from "../../ffi/libc.ts";
import { SyscallError } from "./error.ts";
import type { Fd } from "./fd.ts";
import { Watch } from "./readiness.ts";

const EINTR = 4;
const EIO = 5;
const EAGAIN = 11;
const EPIPE = 32;
const ECONNRESET = 104;

/** All readers share one buffer: what a handler does not use during its call is copied by it. */
const buffer = new Uint8Array(64 * 1024);

/** Reads from a descriptor whenever there is something, until it is paused or has ended. */
export class Reader implements Disposable {
  readonly #watch: Watch;
  readonly #onData: (bytes: Uint8Array) => void;
  readonly #onEnd: () => void;
  #ended = false;

  /**
   * Starts paused. `onData` gets bytes that are valid during the call only; `onEnd` is called once, when the other
   * side has closed or broken off: for a pty that is EIO, for a socket a reset too.
   */
  constructor(fd: Fd, { onData, onEnd }: { onData: (bytes: Uint8Array) => void; onEnd: () => void }) {
    this.#onData = onData;
    this.#onEnd = onEnd;
    this.#watch = new Watch(fd, { readable: () => this.readOnce() });
  }

  get ended(): boolean {
    return this.#ended;
  }

  pause(): void {
    this.#watch.reading = false;
  }

  resume(): void {
    if (!this.#ended) this.#watch.reading = true;
  }

  /** Reads what is there now, paused or not, and says whether there was anything. For the last words of the dead. */
  readOnce(): boolean {
    if (this.#ended) return false;
    for (;;) {
      const count = libc.read(this.#watch.fd.number, buffer, buffer.length);
      if (count > 0) {
        this.#onData(buffer.subarray(0, count));
        return true;
      }
      const error = count === 0 ? 0 : errno();
      if (error === EINTR) continue;
      if (error === EAGAIN) return false;
      if (error !== 0 && error !== EIO && error !== ECONNRESET) throw new SyscallError("read", error);
      this[Symbol.dispose]();
      this.#onEnd();
      return false;
    }
  }

  /** Ends the interest; the descriptor stays open. */
  [Symbol.dispose](): void {
    this.#ended = true;
    this.#watch[Symbol.dispose]();
  }
}

/** Writes to a descriptor what it takes and keeps the rest until it takes more. */
export class Writer implements Disposable {
  readonly #watch: Watch;
  readonly #onDrain: () => void;
  #rest: Uint8Array[] = [];
  #broken = false;

  /** `onDrain` is called when all that was kept is written, or can never be. */
  constructor(fd: Fd, onDrain: () => void) {
    this.#onDrain = onDrain;
    this.#watch = new Watch(fd, { writable: () => this.#flush() });
  }

  /** Whether all that was given is written. The giver should wait for `onDrain` otherwise. */
  get drained(): boolean {
    return this.#rest.length === 0;
  }

  /** The reader has gone: what is written is thrown away. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Writes now what can be written and keeps a copy of the rest. Returns `drained`. */
  write(bytes: Uint8Array): boolean {
    if (this.#broken) return true;
    const rest = this.drained ? this.#push(bytes) : bytes;
    if (rest.length > 0) {
      this.#rest.push(rest.slice());
      this.#watch.writing = true;
    }
    return this.drained;
  }

  #flush(): void {
    while (!this.drained) {
      const [first = new Uint8Array()] = this.#rest;
      const rest = this.#push(first);
      if (rest.length > 0) {
        this.#rest[0] = rest;
        return;
      }
      this.#rest.shift();
    }
    this.#watch.writing = false;
    this.#onDrain();
  }

  /** Returns what could not be written now. */
  #push(bytes: Uint8Array): Uint8Array {
    let rest = bytes;
    while (rest.length > 0) {
      const count = libc.write(this.#watch.fd.number, rest, rest.length);
      if (count >= 0) {
        rest = rest.subarray(count);
        continue;
      }
      const error = errno();
      if (error === EINTR) continue;
      if (error === EAGAIN) return rest;
      if (error !== EPIPE && error !== ECONNRESET && error !== EIO) throw new SyscallError("write", error);
      this.#broken = true;
      this.#rest = [];
      return new Uint8Array();
    }
    return rest;
  }

  /** Forgets what is kept; the descriptor stays open. */
  [Symbol.dispose](): void {
    this.#broken = true;
    this.#rest = [];
    this.#watch[Symbol.dispose]();
  }
}
