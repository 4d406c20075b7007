/** A session: the caller's streams joined to a container through its monitor. */
import { CurruntError } from "../base/error.ts";
import type { ContainerPaths } from "../base/paths.ts";
import type { Fd } from "../sys/fd.ts";
import type { FrameType } from "./attach-protocol.ts";
import { Connection, decodeExit, encodeFrame, encodeResize } from "./attach-protocol.ts";
import { LocalStreams } from "./local-streams.ts";
import { connectToMonitor } from "./observe.ts";
import type { StreamOptions } from "./options.ts";
import { signalInit } from "./signal.ts";
import type { SessionEnd } from "./summary.ts";

/** How a session is held. */
export interface SessionOptions extends StreamOptions {
  /** Signals that reach the caller go to the program. */
  readonly signalProxy: boolean;
  /** The program was there before: have it draw its screen again. */
  readonly redraw: boolean;
}

/** What the creating client does in the course of its session. */
export interface SessionEvents {
  /** The program of a container of -rm has ended: take it out of the index. Its monitor removes its directories meanwhile. */
  readonly ended?: () => void;
}

/** What a client must know of a program to join it. */
interface Ready {
  readonly terminal: boolean;
}

/** Makes ready to stay with a program that is about to be started by this process. */
export function prepareSession(
  socket: Fd,
  paths: ContainerPaths,
  options: StreamOptions & SessionEvents,
): Session {
  return new Session(socket, paths, { ...options, signalProxy: true, redraw: false });
}

/** Joins a running container; undefined when it has ended, or is about to. */
export async function attachSession(
  paths: ContainerPaths,
  options: SessionOptions,
): Promise<SessionEnd | undefined> {
  const socket = connectToMonitor(paths);
  if (socket === undefined) return undefined;
  using session = new Session(socket, paths, options);
  return await session.end();
}

/** The caller's streams and a monitor; owns the socket. */
export class Session implements Disposable {
  readonly #local: LocalStreams;
  readonly #client: MonitorClient;

  constructor(socket: Fd, paths: ContainerPaths, options: SessionOptions & SessionEvents) {
    const local = new LocalStreams(options, () => client.connection.resume());
    const client = new MonitorClient(socket, {
      onOutput: (stream, bytes) => {
        if (!local.output(stream, bytes)) client.connection.pause();
      },
      onReady: (ready) => joinProgram(client.connection, local, { ...options, paths, ready }),
      onDrain: () => local.resumeInput(),
      onEnded: options.ended,
    });
    this.#local = local;
    this.#client = client;
  }

  /** The program runs: what the monitor tells to those who join, whoever started it knows. */
  started(ready: Ready): void {
    this.#client.setReady(ready);
  }

  /** Resolves when the program has ended and its output is written, or the caller has left. */
  async end(): Promise<SessionEnd> {
    const { left } = this.#local;
    await this.#client.ready;
    const end = await Promise.race([this.#client.exit, left]);
    if (typeof end !== "number") return end;
    await Promise.race([this.#local.flush(), left]);
    return { kind: "exited", exitCode: end };
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
    this.#local[Symbol.dispose]();
  }
}

/** Before the program's first output is shown: whoever sees that may answer it with keys or a signal. */
function joinProgram(
  connection: Connection,
  local: LocalStreams,
  options: SessionOptions & { readonly paths: ContainerPaths; readonly ready: Ready },
): void {
  local.takeTerminal();
  if (options.redraw && options.ready.terminal) askForRedraw(connection, local);
  local.join({
    writeInput: (bytes) => connection.send(encodeFrame("stdin", bytes)),
    endInput: () => connection.send(encodeFrame("stdin")),
    resize: (size) => connection.send(encodeResize(size)),
    signal: (signal) => {
      if (options.signalProxy) signalInit(options.paths, signal);
    },
  });
}

/** A window that changes makes programs draw anew (what docker does too). */
function askForRedraw(connection: Connection, { size }: LocalStreams): void {
  if (size !== undefined) connection.send(encodeResize({ ...size, rows: size.rows + 1 }));
}

interface ClientHandlers {
  readonly onOutput: (stream: "stdout" | "stderr", bytes: Uint8Array) => void;
  /** The program runs; called before any of its output is passed on. */
  readonly onReady?: (ready: Ready) => void;
  readonly onDrain?: () => void;
  readonly onEnded?: (() => void) | undefined;
}

/** The client's end of a connection to a monitor; owns the socket. */
class MonitorClient implements Disposable {
  readonly connection: Connection;
  readonly #handlers: ClientHandlers;
  readonly #ready = Promise.withResolvers<Ready>();
  #exitCode: number | undefined;
  readonly #exit = Promise.withResolvers<number>();

  constructor(socket: Fd, handlers: ClientHandlers) {
    this.#handlers = handlers;
    // Whoever does not wait for one of these must not be told of its failure twice.
    this.#ready.promise.catch(() => {});
    this.#exit.promise.catch(() => {});
    this.connection = new Connection(socket, {
      onFrame: (type, payload) => {
        if (type === "stdout" || type === "stderr") handlers.onOutput(type, payload);
        else this.#control(type, payload);
      },
      onClose: () => this.#closed(),
      onDrain: () => handlers.onDrain?.(),
    });
  }

  /** The program runs. */
  get ready(): Promise<Ready> {
    return this.#ready.promise;
  }

  /** The program's exit code; rejects when the monitor died. */
  get exit(): Promise<number> {
    return this.#exit.promise;
  }

  setReady(ready: Ready): void {
    this.#handlers.onReady?.(ready);
    this.#ready.resolve(ready);
  }

  #control(type: FrameType, payload: Uint8Array): void {
    if (type === "ready") this.setReady({ terminal: payload[0] === 1 });
    else if (type === "exit") this.#exitCode = decodeExit(payload);
    else if (type === "ended") this.#forgetContainer(decodeExit(payload));
  }

  /** The monitor's end is still waited for. */
  #forgetContainer(exitCode: number): void {
    const { onEnded } = this.#handlers;
    if (onEnded === undefined) return;
    try {
      onEnded();
    } catch (error) {
      this.#exit.reject(error);
      return;
    }
    this.#exitCode = exitCode;
  }

  /** The monitor ends with its last frame, so its end is waited for: nothing of it is left then. */
  #closed(): void {
    if (this.#exitCode === undefined) this.#lost();
    else this.#exit.resolve(this.#exitCode);
  }

  #lost(): void {
    const error = new CurruntError("internal", "the container's monitor died", {
      hint: '"currunt ps -all" tells what became of the container',
    });
    this.#ready.reject(error);
    this.#exit.reject(error);
  }

  [Symbol.dispose](): void {
    this.connection[Symbol.dispose]();
  }
}
