/** A session: the caller's streams joined to a container through its monitor. */
import { CurruntError } from "../base/error.ts";
import type { ContainerPaths } from "../base/paths.ts";
import type { Fd } from "../sys/fd.ts";
import type { FrameType } from "./attach-protocol.ts";
import { Connection, decodeExit, encodeFrame, encodeResize } from "./attach-protocol.ts";
import type { SessionEnd } from "./engine.ts";
import { LocalStreams } from "./local-streams.ts";
import { connectToMonitor } from "./observe.ts";
import type { StreamOptions } from "./options.ts";
import { signalInit } from "./signal.ts";

/** How a session is held. */
export interface SessionOptions extends StreamOptions {
  /** Signals that reach the caller go to the program. */
  readonly signalProxy: boolean;
  /** The program was there before: have it draw its screen again. */
  readonly redraw: boolean;
}

/** What the creating client does in the course of its session. */
export interface SessionEvents {
  /** The program of a container of -rm has ended: remove it. */
  readonly remove?: () => void;
}

/** Stays with a program that was just started. */
export async function startSession(
  socket: Fd,
  paths: ContainerPaths,
  options: StreamOptions & SessionEvents,
): Promise<SessionEnd> {
  const { terminal } = options;
  return await hold(socket, paths, { ...options, signalProxy: true, redraw: false, started: { terminal } });
}

/** What a client must know of a program to join it. */
interface Ready {
  readonly terminal: boolean;
}

/** Joins a running container; undefined when it has ended, or is about to. */
export function attachSession(
  paths: ContainerPaths,
  options: SessionOptions,
): Promise<SessionEnd> | undefined {
  const socket = connectToMonitor(paths);
  return socket === undefined ? undefined : hold(socket, paths, options);
}

async function hold(
  socket: Fd,
  paths: ContainerPaths,
  options: SessionOptions & SessionEvents & { readonly started?: Ready },
): Promise<SessionEnd> {
  using local = new LocalStreams(options, () => client.connection.resume());
  using client = new MonitorClient(socket, {
    onOutput: (stream, bytes) => {
      if (!local.output(stream, bytes)) client.connection.pause();
    },
    onReady: (ready) => joinProgram(client.connection, local, { ...options, paths, ready }),
    onDrain: () => local.resumeInput(),
    onEnded: options.remove,
  });
  if (options.started !== undefined) client.setReady(options.started);
  await client.ready;
  const end = await Promise.race([client.exit, local.left]);
  if (typeof end !== "number") return end;
  await Promise.race([local.flush(), local.left]);
  return { kind: "exited", exitCode: end };
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

  /** What the monitor tells to those who join; the creating client knows it. */
  setReady(ready: Ready): void {
    this.#handlers.onReady?.(ready);
    this.#ready.resolve(ready);
  }

  #control(type: FrameType, payload: Uint8Array): void {
    if (type === "ready") this.setReady({ terminal: payload[0] === 1 });
    else if (type === "exit") this.#exitCode = decodeExit(payload);
    else if (type === "ended") this.#removeContainer(decodeExit(payload));
  }

  /** What the monitor would do itself if this failed; nothing is left to wait for afterwards. */
  #removeContainer(exitCode: number): void {
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
