/**
 * The monitor's clients: whoever connects to the attach socket gets the program's output and may give it input.
 *
 * A client that does not read stops the program's output once the socket is full, as a stopped terminal does: nothing
 * is lost and memory stays bounded. Leaving, or dying, sets the program free again.
 */

import type { Fd } from "../sys/fd.ts";
import { Watch } from "../sys/readiness.ts";
import { accept, listenUnix, peerUser } from "../sys/socket.ts";
import type { FrameType } from "./attach-protocol.ts";
import { Connection, encodeExit } from "./attach-protocol.ts";

/** What clients cause. */
export interface AttachHandlers {
  /** The first frame of a client that joins a running program. */
  readonly greeting: () => Uint8Array;
  readonly onFrame: (type: FrameType, payload: Uint8Array) => void;
  /** Every client has taken all output. */
  readonly onDrain: () => void;
}

/** A listener and its clients; owns them. */
export class AttachServer implements Disposable {
  readonly #handlers: AttachHandlers;
  readonly #clients = new Set<Connection>();
  /** Those that want the end only. */
  readonly #observers = new Set<Connection>();
  readonly #listener: Fd;
  readonly #watch: Watch;
  #creator: Connection | undefined;
  readonly #waiting: (() => void)[] = [];

  /** Listens at `directory`/`name`. */
  constructor(directory: string, name: string, handlers: AttachHandlers) {
    this.#handlers = handlers;
    this.#listener = listenUnix(directory, name);
    this.#watch = new Watch(this.#listener, { readable: () => this.#accept() });
    this.#watch.reading = true;
  }

  /** Takes the creating client, which may want no output. */
  adoptCreator(socket: Fd, greeting: Uint8Array, { output }: { output: boolean }): void {
    const client = this.#adopt(socket, greeting);
    // One that does not stay leaves the container to this process.
    if (output) this.#creator = client;
    else this.#observe(client);
  }

  #adopt(socket: Fd, greeting: Uint8Array): Connection {
    const client = new Connection(socket, {
      onFrame: (type, payload) => {
        if (type === "observe") this.#observe(client);
        else this.#handlers.onFrame(type, payload);
      },
      onClose: () => this.#leave(client),
      onDrain: () => this.#drained(),
    });
    this.#clients.add(client);
    client.send(greeting);
    return client;
  }

  /**
   * Asks the creating client to remove the container: it has the index open, and does it while this process ends.
   * False: it has gone. Should it die before it is done, the next command's sweep finishes what it began.
   */
  delegateRemoval(exitCode: number): boolean {
    this.#creator?.send(encodeExit(exitCode, "ended"));
    return this.#creator !== undefined;
  }

  /** Sends a frame to every client; false: one of them is slow, wait for `onDrain`. */
  broadcast(frame: Uint8Array): boolean {
    let taken = true;
    for (const client of this.#clients) taken = client.send(frame) && taken;
    return taken;
  }

  pauseInput(): void {
    for (const client of this.#clients) client.pause();
  }

  resumeInput(): void {
    for (const client of this.#clients) client.resume();
  }

  /** Takes no more clients, sends the last frame and resolves when every client has taken it or left. */
  async finish(last: Uint8Array): Promise<void> {
    this.#watch[Symbol.dispose]();
    this.#listener.close();
    this.broadcast(last);
    for (const observer of this.#observers) observer.send(last);
    // Usually all have taken it: they see the end of this process then, when nothing of it is left. Those that wait
    // for a slow one are let go before.
    while (!this.#allTaken()) {
      for (const client of [...this.#clients, ...this.#observers]) if (client.drained) this.#leave(client);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #observe(client: Connection): void {
    if (this.#clients.delete(client)) this.#observers.add(client);
    this.#drained();
  }

  #allTaken(): boolean {
    return [...this.#clients, ...this.#observers].every((client) => client.drained);
  }

  #accept(): void {
    const socket = accept(this.#listener);
    if (socket === undefined) return;
    // The directory's mode keeps others out already.
    if (peerUser(socket) !== process.getuid?.()) socket.close();
    else this.#adopt(socket, this.#handlers.greeting());
  }

  #leave(client: Connection): void {
    this.#clients.delete(client);
    this.#observers.delete(client);
    if (client === this.#creator) this.#creator = undefined;
    client[Symbol.dispose]();
    this.#drained();
  }

  #drained(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
    if ([...this.#clients].every((client) => client.drained)) this.#handlers.onDrain();
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
    this.#listener.close();
    for (const client of this.#clients) client[Symbol.dispose]();
    this.#clients.clear();
  }
}
