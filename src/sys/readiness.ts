/** Tells when descriptors can be read or written, without a thread and without polling: SIGIO, then one poll(2). */
import { F_GETFL, F_SETFL, O_NONBLOCK, POLLERR, POLLHUP, POLLIN, POLLOUT, pollfd } from "../../ffi/kernel.ts";
import { errno, libc } from "../../ffi/libc.ts";
import { check, SyscallError } from "./error.ts";
import type { Fd } from "./fd.ts";

// <fcntl.h>
const F_SETOWN = 8;
const O_ASYNC = 0o20000;
const EINTR = 4;

/** What to call when a descriptor is ready; called again until the call that is meant has used the readiness up. */
export interface ReadyHandlers {
  /** Data, an end or an error can be read. */
  readonly readable?: () => void;
  /** Something can be written, or the writing would fail. */
  readonly writable?: () => void;
}

/**
 * Interest in one descriptor. It starts with none: set `reading` and `writing`. Disposing ends the interest and leaves
 * the descriptor open. As long as there is a watch, the process does not end by itself.
 *
 * One change sends no signal: the other side of a pty closing. Who waits for that waits for the process instead.
 */
export class Watch implements Disposable {
  readonly fd: Fd;
  readonly handlers: ReadyHandlers;
  #reading = false;
  #writing = false;

  /**
   * Makes the open file non-blocking and has it send SIGIO. Both belong to the open file and not to the descriptor, so
   * it must be ours alone: never a terminal or pipe that was inherited.
   */
  constructor(fd: Fd, handlers: ReadyHandlers) {
    this.fd = fd;
    this.handlers = handlers;
    if (watches.size === 0) listen();
    watches.add(this);
    check(libc.fcntl(fd.number, F_SETOWN, process.pid), "fcntl F_SETOWN");
    const flags = check(libc.fcntl(fd.number, F_GETFL, 0), "fcntl F_GETFL");
    check(libc.fcntl(fd.number, F_SETFL, flags | O_NONBLOCK | O_ASYNC), "fcntl F_SETFL");
  }

  get reading(): boolean {
    return this.#reading;
  }

  set reading(wanted: boolean) {
    this.#reading = wanted;
    // The signal for what is there already has come: look once.
    if (wanted) scheduleRound();
  }

  get writing(): boolean {
    return this.#writing;
  }

  set writing(wanted: boolean) {
    this.#writing = wanted;
    if (wanted) scheduleRound();
  }

  /** The poll(2) events of this interest; 0: none. */
  get events(): number {
    return (this.#reading ? POLLIN : 0) | (this.#writing ? POLLOUT : 0);
  }

  /** Calls the handlers that `revents` asks for. */
  dispatch(revents: number): void {
    if (this.#reading && (revents & (POLLIN | POLLHUP | POLLERR)) !== 0) this.handlers.readable?.();
    if (this.#writing && (revents & (POLLOUT | POLLHUP | POLLERR)) !== 0) this.handlers.writable?.();
  }

  [Symbol.dispose](): void {
    this.#reading = false;
    this.#writing = false;
    if (watches.delete(this) && watches.size === 0) unlisten();
  }
}

const watches = new Set<Watch>();
let scheduled = false;
/** Keeps the event loop alive without a timer: signal handlers alone do not. */
let keepAlive: MessageChannel | undefined;

function listen(): void {
  // Before the first descriptor is armed: SIGIO ends a process that does not handle it.
  process.on("SIGIO", round);
  keepAlive = new MessageChannel();
  keepAlive.port1.onmessage = () => {};
}

function unlisten(): void {
  // The handler stays: a late SIGIO would end the process.
  keepAlive?.port1.close();
  keepAlive = undefined;
}

function scheduleRound(): void {
  if (scheduled) return;
  scheduled = true;
  setImmediate(() => {
    scheduled = false;
    round();
  });
}

/** Asks about all descriptors at once and serves those that are ready; comes again as long as any was. */
function round(): void {
  const asked = [...watches].filter((watch) => watch.events !== 0);
  if (asked.length === 0) return;
  const list = new Uint8Array(asked.length * pollfd.size);
  const view = new DataView(list.buffer);
  asked.forEach((watch, index) => {
    view.setInt32(index * pollfd.size, watch.fd.number, true);
    view.setInt16(index * pollfd.size + pollfd.offsets.events, watch.events, true);
  });
  const ready = libc.poll(list, asked.length, 0);
  if (ready === 0) return;
  if (ready === -1 && errno() !== EINTR) throw new SyscallError("poll", errno());
  // SIGIO tells changes, not states: what a handler leaves must be asked about again.
  scheduleRound();
  asked.forEach((watch, index) => {
    const revents = view.getInt16(index * pollfd.size + pollfd.offsets.revents, true);
    // A handler may have ended the interest of a later one.
    if (revents !== 0 && watch.events !== 0) watch.dispatch(revents);
  });
}

/** Resolves once data, an end or an error can be read. The open file must be ours alone, as for a `Watch`. */
export async function readable(fd: Fd): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  using watch = new Watch(fd, { readable: resolve });
  watch.reading = true;
  await promise;
}
