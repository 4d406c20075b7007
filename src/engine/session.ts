/** A session: the caller's streams joined to a container through its monitor. */
import { CurruntError } from "../base/error.ts";
import type { ContainerPaths } from "../base/paths.ts";
import type { Fd } from "../sys/fd.ts";
import type { FrameType, Ready } from "./attach-protocol.ts";
import { Connection, decodeExit, encodeFrame, encodeJson, encodeResize } from "./attach-protocol.ts";
import type { SessionEnd } from "./engine.ts";
import { LocalStreams } from "./local-streams.ts";
import { connectToMonitor } from "./observe.ts";
import type { StreamOptions } from "./options.ts";
import { signalInit } from "./signal.ts";
import type { Failure, StartRequest } from "./start-request.ts";
import { errorOf } from "./start-request.ts";

/** How a session is held. */
export interface SessionOptions extends StreamOptions {
  /** Signals that reach the caller go to the program. */
  readonly signalProxy: boolean;
  /** The program was there before: have it draw its screen again. */
  readonly redraw: boolean;
}

/** Asks a new monitor to start its container and waits until the program runs; throws what went wrong there. */
export async function requestStart(socket: Fd, request: StartRequest): Promise<Ready> {
  using client = new MonitorClient(socket, () => {});
  client.connection.send(encodeJson("start", request));
  return await client.ready;
}

/** As `requestStart`, and stays with the program; `started` is called once it runs. */
export async function startSession(
  socket: Fd,
  request: Omit<StartRequest, "size">,
  paths: ContainerPaths,
  options: StreamOptions & { readonly started: () => void },
): Promise<SessionEnd> {
  return await hold(
    socket,
    paths,
    { ...options, signalProxy: true, redraw: false },
    async (client, local) => {
      const { size } = local;
      const sized = size === undefined ? request : { ...request, size };
      client.connection.send(encodeJson("start", sized satisfies StartRequest));
      const ready = await client.ready;
      options.started();
      return ready;
    },
  );
}

/** Joins a running container; undefined when it has ended, or is about to. */
export function attachSession(
  paths: ContainerPaths,
  options: SessionOptions,
): Promise<SessionEnd> | undefined {
  const socket = connectToMonitor(paths);
  return socket === undefined ? undefined : hold(socket, paths, options, (client) => client.ready);
}

async function hold(
  socket: Fd,
  paths: ContainerPaths,
  options: SessionOptions,
  begin: (client: MonitorClient, local: LocalStreams) => Promise<Ready>,
): Promise<SessionEnd> {
  using local = new LocalStreams(options, () => client.connection.resume());
  using client = new MonitorClient(socket, (stream, bytes) => {
    if (!local.output(stream, bytes)) client.connection.pause();
  });
  client.onDrain = () => local.resumeInput();
  client.onReady = () => local.takeTerminal();
  const ready = await begin(client, local);
  const { connection } = client;
  if (options.redraw && ready.terminal) askForRedraw(connection, local);
  local.join({
    writeInput: (bytes) => connection.send(encodeFrame("stdin", bytes)),
    endInput: () => connection.send(encodeFrame("stdin")),
    resize: (size) => connection.send(encodeResize(size)),
    signal: (signal) => {
      if (options.signalProxy) signalInit(paths, signal);
    },
  });
  const end = await Promise.race([client.exit, local.left]);
  if (typeof end !== "number") return end;
  await Promise.race([local.flush(), local.left]);
  return { kind: "exited", exitCode: end };
}

/** A window that changes makes programs draw anew (what docker does too). */
function askForRedraw(connection: Connection, { size }: LocalStreams): void {
  if (size !== undefined) connection.send(encodeResize({ ...size, rows: size.rows + 1 }));
}

/** The client's end of a connection to a monitor; owns the socket. */
class MonitorClient implements Disposable {
  readonly connection: Connection;
  onDrain: () => void = () => {};
  /** The program runs; called before any of its output is passed on. */
  onReady: () => void = () => {};
  readonly #ready = Promise.withResolvers<Ready>();
  readonly #exit = Promise.withResolvers<number>();

  constructor(socket: Fd, onOutput: (stream: "stdout" | "stderr", bytes: Uint8Array) => void) {
    // Whoever does not wait for one of these must not be told of its failure twice.
    this.#ready.promise.catch(() => {});
    this.#exit.promise.catch(() => {});
    this.connection = new Connection(socket, {
      onFrame: (type, payload) => {
        if (type === "stdout" || type === "stderr") onOutput(type, payload);
        else this.#control(type, payload);
      },
      onClose: () => this.#lost(),
      onDrain: () => this.onDrain(),
    });
  }

  /** The program runs; rejects with the reason when it could not be started. */
  get ready(): Promise<Ready> {
    return this.#ready.promise;
  }

  /** The program's exit code; rejects when the monitor died. */
  get exit(): Promise<number> {
    return this.#exit.promise;
  }

  // The payloads are JSON of this very program.
  #control(type: FrameType, payload: Uint8Array): void {
    const json = () => JSON.parse(Buffer.from(payload).toString());
    if (type === "ready") {
      this.onReady();
      this.#ready.resolve(json() as Ready);
    } else if (type === "error") this.#ready.reject(errorOf(json() as Failure));
    else if (type === "exit") this.#exit.resolve(decodeExit(payload));
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
