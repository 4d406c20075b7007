/** The life of a container as its monitor sees it: start, output to log and clients, input, end. */
import { writeFileSync } from "node:fs";
import { explain } from "../base/error.ts";
import type { ContainerPaths } from "../base/paths.ts";
import { containerPaths } from "../base/paths.ts";
import type { Init } from "../runtime/create.ts";
import type { Fd } from "../sys/fd.ts";
import { writeAll } from "../sys/file.ts";
import type { ProcessEnd } from "../sys/process.ts";
import { becomeSubreaper, exitCodeOf, reap } from "../sys/process.ts";
import type { FrameType, Ready } from "./attach-protocol.ts";
import { decodeResize, encodeExit, encodeJson, outputFrame } from "./attach-protocol.ts";
import { AttachServer } from "./attach-server.ts";
import { LogWriter } from "./log-writer.ts";
import { prepare } from "./prepare.ts";
import { writeRunState } from "./run-state.ts";
import type { StartRequest } from "./start-request.ts";
import { failureOf } from "./start-request.ts";
import type { OutputStream, Pipes, ProgramEnds } from "./stdio.ts";
import { closeProgramEnds, openPipes, ProgramStreams } from "./stdio.ts";

const SIGKILL = 9;
/** What the start used is given back when the program has run this long: a short-lived one need not pay for it. */
const settledAfterMs = 1000;

/** Starts one container and stays with it to its end. */
export class Supervisor {
  readonly #request: StartRequest;
  readonly #paths: ContainerPaths;
  readonly #client: Fd;
  readonly #lock: Fd;
  #log: LogWriter | undefined;
  #streams: ProgramStreams | undefined;
  #server: AttachServer | undefined;
  #pid = 0;

  /** Owns the socket to the creating client and the container's lock. */
  constructor(request: StartRequest, client: Fd, lock: Fd) {
    this.#request = request;
    this.#paths = containerPaths(request.roots, request.record.id);
    this.#client = client;
    this.#lock = lock;
  }

  /** Resolves when the program has ended, its end is recorded and every client knows. */
  async run(): Promise<void> {
    process.on("uncaughtException", (error) => this.#crash(error));
    becomeSubreaper();
    try {
      await this.#start();
    } catch (error) {
      this.#tellFailure(error);
      return;
    }
    this.#welcome();
    const end = await this.#programEnd();
    await this.#finish(exitCodeOf(end));
  }

  async #start(): Promise<void> {
    const { record } = this.#request;
    using undo = new DisposableStack();
    const { root, spec } = await prepare(this.#request);
    // The container's own namespace holds the mount once it runs.
    using _ = root;
    this.#log = undo.use(new LogWriter(this.#paths.log));
    this.#server = undo.use(this.#listen());
    const { uid = 0, gid = 0 } = spec.process?.user ?? {};
    const pipes = record.terminal ? undefined : openPipes({ input: record.interactive, uid, gid });
    if (pipes !== undefined) undo.defer(() => closeProgramEnds(pipes));
    const { startContainer } = await import("../runtime/create.ts");
    const init = await startContainer({
      id: record.id,
      spec,
      bundle: this.#paths.directory,
      rootfs: root,
      stdio: pipes?.program ?? "inherit",
      deathSignal: SIGKILL,
    });
    this.#pid = init.pid;
    init.pidfd.close();
    if (pipes !== undefined) closeProgramEnds(pipes);
    writeRunState(this.#paths, record.id, init.pid);
    this.#streams = new ProgramStreams(endsOf(init, pipes), {
      onOutput: (stream, bytes) => this.#output(stream, bytes),
      onInputTaken: () => this.#server?.resumeInput(),
    });
    undo.move();
  }

  #listen(): AttachServer {
    return new AttachServer(this.#paths.run, "attach.sock", {
      greeting: () => this.#ready(),
      onFrame: (type, payload) => this.#input(type, payload),
      onDrain: () => this.#streams?.resumeOutput(),
    });
  }

  #ready(): Uint8Array {
    const { terminal, interactive } = this.#request.record;
    return encodeJson("ready", { pid: this.#pid, terminal, interactive } satisfies Ready);
  }

  /** The creating client learns that the program runs; one that stays is a client like those that come later. */
  #welcome(): void {
    if (this.#request.attach) this.#server?.adopt(this.#client, this.#ready());
    else {
      this.#sendLast(this.#ready());
      this.#client.close();
    }
  }

  #output(stream: OutputStream, bytes: Uint8Array): void {
    try {
      this.#log?.append(stream, bytes);
    } catch {
      // A full disk must not stop the program: what cannot be logged is lost, clients still get it.
    }
    if (this.#server?.broadcast(outputFrame(stream, bytes)) === false) this.#streams?.pauseOutput();
  }

  #input(type: FrameType, payload: Uint8Array): void {
    if (type === "resize") this.#streams?.resize(decodeResize(payload));
    else if (type === "stdin" && payload.length === 0) this.#streams?.endInput();
    else if (type === "stdin" && this.#streams?.writeInput(payload) === false) this.#server?.pauseInput();
  }

  /** Reaps init and every orphan that comes to us. */
  #programEnd(): Promise<ProcessEnd> {
    return new Promise((resolve) => {
      const settled = setTimeout(releaseMemory, settledAfterMs);
      const reapAll = () => {
        for (let child = reap(-1); child !== undefined; child = reap(-1)) {
          if (child.pid !== this.#pid) continue;
          clearTimeout(settled);
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
    this.#log?.[Symbol.dispose]();
    const { recordEnd } = await import("./exit.ts");
    await recordEnd(this.#request, exitCode);
    // From here on the container can be started again or removed, however long a client takes to read the rest.
    this.#lock.close();
    await this.#server?.finish(encodeExit(exitCode));
  }

  #tellFailure(error: unknown): void {
    this.#sendLast(encodeJson("error", failureOf(error)));
  }

  /** For a client that waits for this one frame; it may have gone. */
  #sendLast(frame: Uint8Array): void {
    try {
      writeAll(this.#client, frame);
    } catch {
      // Nobody is left to be told.
    }
  }

  /** A fault of ours: the container ends with this process, and the next command records that. */
  #crash(error: unknown): never {
    writeFileSync(`${this.#paths.directory}/monitor-failure`, `${explain(error)}\n`);
    process.exit(1);
  }
}

function endsOf(init: Init, pipes: Pipes | undefined): ProgramEnds {
  if (pipes !== undefined) return pipes.ours;
  if (init.terminal === undefined) throw new Error("unreachable: a program with a terminal has its master");
  return { stdin: init.terminal, stdout: init.terminal };
}

/** From here on this process sleeps until something happens: it keeps what it needs for that. */
function releaseMemory(): void {
  Bun.gc(true);
  Bun.shrink();
}
