/** The life of a container as its monitor sees it: output to log and clients, input, end. */
import { explain } from "../base/error.ts";
import type { ContainerPaths } from "../base/paths.ts";
import { containerPaths } from "../base/paths.ts";
import type { Fd } from "../sys/fd.ts";
import type { ProcessEnd } from "../sys/process.ts";
import { exitCodeOf, reap } from "../sys/process.ts";
import type { FrameType, Ready } from "./attach-protocol.ts";
import { decodeResize, encodeExit, encodeJson, outputFrame } from "./attach-protocol.ts";
import { AttachServer } from "./attach-server.ts";
import type { Charge } from "./charge.ts";
import { LogWriter } from "./log-writer.ts";
import type { OutputStream, ProgramEnds } from "./stdio.ts";
import { ProgramStreams } from "./stdio.ts";

/** What the start, or much output, used is given back after this time: a short-lived program need not pay for it. */
const settledAfterMs = 1000;
/** How much output is much. */
const burstBytes = 4 * 1024 * 1024;

/** Stays with one container to its end. */
export class Supervisor {
  readonly #charge: Charge;
  readonly #paths: ContainerPaths;
  readonly #client: Fd;
  readonly #lock: Fd;
  readonly #log: LogWriter;
  readonly #server: AttachServer;
  #streams: ProgramStreams | undefined;
  #pid = 0;
  #settling: ReturnType<typeof setTimeout> | undefined;
  #unsettledBytes = 0;

  /** Owns the socket to the creating client and the container's lock. */
  constructor(charge: Charge, { client, lock }: { client: Fd; lock: Fd }) {
    this.#charge = charge;
    this.#paths = containerPaths(charge.roots, charge.record.id);
    this.#client = client;
    this.#lock = lock;
    process.on("uncaughtException", (error) => this.#crash(error));
    this.#log = new LogWriter(this.#paths.log);
    this.#server = new AttachServer(this.#paths.run, "attach.sock", {
      greeting: () => this.#ready(),
      onFrame: (type, payload) => this.#input(type, payload),
      onDrain: () => this.#streams?.resumeOutput(),
    });
  }

  /** Takes over the program that runs; resolves when it has ended, its end is recorded and every client knows. */
  async run(pid: number, ends: ProgramEnds): Promise<void> {
    this.#pid = pid;
    this.#server.adoptCreator(this.#client, this.#ready(), { output: this.#charge.attach });
    this.#streams = new ProgramStreams(ends, {
      onOutput: (stream, bytes) => this.#output(stream, bytes),
      onInputTaken: () => this.#server.resumeInput(),
    });
    const end = await this.#programEnd();
    await this.#finish(exitCodeOf(end));
  }

  #ready(): Uint8Array {
    const { terminal, interactive } = this.#charge.record;
    return encodeJson("ready", { pid: this.#pid, terminal, interactive } satisfies Ready);
  }

  /** Arms one timer, which is gone when it has fired: the idle process has none. */
  #settleLater(): void {
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined;
      this.#unsettledBytes = 0;
      releaseMemory();
    }, settledAfterMs);
  }

  #output(stream: OutputStream, bytes: Uint8Array): void {
    this.#unsettledBytes += bytes.length;
    if (this.#unsettledBytes > burstBytes) this.#settleLater();
    try {
      this.#log.append(stream, bytes);
    } catch {
      // A full disk must not stop the program: what cannot be logged is lost, clients still get it.
    }
    if (!this.#server.broadcast(outputFrame(stream, bytes))) this.#streams?.pauseOutput();
  }

  #input(type: FrameType, payload: Uint8Array): void {
    if (type === "resize") this.#streams?.resize(decodeResize(payload));
    else if (type === "stdin" && payload.length === 0) this.#streams?.endInput();
    else if (type === "stdin" && this.#streams?.writeInput(payload) === false) this.#server.pauseInput();
  }

  /** Reaps init and every orphan that comes to us. */
  #programEnd(): Promise<ProcessEnd> {
    return new Promise((resolve) => {
      this.#settleLater();
      const reapAll = () => {
        for (let child = reap(-1); child !== undefined; child = reap(-1)) {
          if (child.pid !== this.#pid) continue;
          clearTimeout(this.#settling);
          resolve(child.end);
        }
      };
      process.on("SIGCHLD", reapAll);
      // It may have ended before the handler was there.
      reapAll();
    });
  }

  async #finish(exitCode: number): Promise<void> {
    // Init was the last process of its pid namespace: what is in the pipes now is all there will be.
    while (this.#streams?.readRemainder() === true);
    this.#streams?.[Symbol.dispose]();
    this.#streams = undefined;
    this.#log[Symbol.dispose]();
    const { remove } = this.#charge.record;
    // The creating client, if it is still there, has the index open already and removes the container faster.
    if (!remove || !this.#server.delegateRemoval(exitCode)) {
      const { recordEnd } = await import("./exit.ts");
      await recordEnd(this.#charge, exitCode);
    }
    // From here on the container can be started again or removed, however long a client takes to read the rest.
    this.#lock.close();
    await this.#server.finish(encodeExit(exitCode));
  }

  /** A fault of ours: the container ends with this process, and the next command records that. */
  #crash(error: unknown): never {
    // Loaded when it is needed: node:fs takes half a megabyte.
    process
      .getBuiltinModule("node:fs")
      .writeFileSync(`${this.#paths.directory}/monitor-failure`, `${explain(error)}\n`);
    process.exit(1);
  }
}

/** From here on this process sleeps until something happens: it keeps what it needs for that. */
function releaseMemory(): void {
  Bun.gc(true);
  Bun.shrink();
}
