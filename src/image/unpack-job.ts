/** The threads that unpack layers, within the processors that there are, and the layers that they have in work. */
import { availableParallelism } from "node:os";
import { CurruntError } from "../base/error.ts";
import type { Lowers, UnpackedLayer, UnpackProgress } from "./apply.ts";
import type { FromWorker, StartMessage, ToWorker } from "./unpack-message.ts";
import { unpackError } from "./unpack-message.ts";

/** Each costs some 25 MB, and 50 ms of a processor until it runs well. Inflating, in threads of its own, wants a processor too. */
const maximumWorkers = Math.min(4, Math.max(1, availableParallelism() - 1));

/** A thread with the layers that are in it: those that wait for layers below leave it to others. */
class UnpackThread {
  readonly jobs = new Map<number, Job>();
  readonly #worker: Worker;
  #serial = 0;

  constructor() {
    // build.ts puts it beside the other files of the executable, where this URL leads as well.
    this.#worker = new Worker(new URL("./unpack-worker.ts", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.jobs.get(data.job)?.take(data);
    this.#worker.onerror = ({ message }) => {
      // It takes no others.
      threads.splice(threads.indexOf(this), 1);
      for (const job of this.jobs.values()) {
        job.breakOff(new CurruntError("internal", `the unpacking worker failed: ${message}`));
      }
    };
  }

  /** Layers in work. */
  get active(): number {
    return [...this.jobs.values()].filter(({ waits }) => !waits).length;
  }

  add(job: Job): number {
    const id = this.#serial++;
    this.jobs.set(id, job);
    return id;
  }

  send(message: ToWorker, transfer: ArrayBuffer[]): void {
    this.#worker.postMessage(message, transfer);
  }

  end(): void {
    this.#worker.terminate();
  }
}

/** Kept while any layer is in work: layers follow each other, and a start costs milliseconds. */
const threads: UnpackThread[] = [];

/** Starts a thread before the first layer asks for one: that takes about as long as its first bytes take to come. */
export function prepareThread(): Disposable {
  if (threads.length === 0) threads.push(new UnpackThread());
  return { [Symbol.dispose]: endIdleThreads };
}

function freeThread(): UnpackThread {
  const [least] = threads.toSorted((a, b) => a.active - b.active);
  if (least !== undefined && (least.active === 0 || threads.length >= maximumWorkers)) return least;
  const thread = new UnpackThread();
  threads.push(thread);
  return thread;
}

function endIdleThreads(): void {
  if (threads.some(({ jobs }) => jobs.size > 0)) return;
  for (const thread of threads.splice(0)) thread.end();
}

export interface JobOptions {
  readonly start: Omit<StartMessage, "kind">;
  readonly lowers: Lowers | undefined;
  readonly onProgress: ((progress: UnpackProgress) => void) | undefined;
}

/** One layer in a thread. */
export class Job {
  readonly result: Promise<UnpackedLayer>;
  /** Whether it waits for the layers below. */
  waits = false;
  readonly #options: JobOptions;
  readonly #thread: UnpackThread;
  readonly #id: number;
  readonly #stopped = Promise.withResolvers<void>();
  readonly #settle = Promise.withResolvers<UnpackedLayer>();
  #takenBytes = 0;
  /** The thread has no input for what inflates, and has not been told of more. */
  #hungry = false;
  /** There was input since it was told last. */
  #unannounced = false;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(options: JobOptions) {
    this.#options = options;
    this.result = this.#settle.promise;
    this.#thread = freeThread();
    this.#id = this.#thread.add(this);
    this.#send({ kind: "start", ...options.start });
  }

  /** Takes what the thread says about this layer. */
  take(message: FromWorker): void {
    if (message.kind === "progress") this.#options.onProgress?.(message.progress);
    else if (message.kind === "gaps") this.#sendLowers();
    else if (message.kind === "taken") this.#takenBytes += message.bytes;
    else if (message.kind === "hungry") this.#hear();
    else if (message.kind !== "room") {
      this.#stop();
      if (message.kind === "done") this.#settle.resolve(message.layer);
      else this.fail(unpackError(message.error));
    }
    this.#wake?.();
  }

  /** There may have been input while the word was on its way. */
  #hear(): void {
    if (this.#unannounced) this.#sendFed();
    else this.#hungry = true;
  }

  #sendFed(): void {
    [this.#hungry, this.#unannounced] = [false, false];
    this.#send({ kind: "fed" });
  }

  /** Says that the stream that inflates has more input, or none any more. */
  announceInput(): void {
    if (this.#hungry) this.#sendFed();
    else this.#unannounced = true;
  }

  /** Bytes of the chunks that the thread has taken. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  #sendLowers(): void {
    this.waits = true;
    const answer = this.#options.lowers?.() ?? Promise.resolve([]);
    answer.then(
      (paths) => {
        this.waits = false;
        this.#send({ kind: "lowers", paths });
      },
      (error: unknown) => this.fail(error),
    );
  }

  #send(message: ToWorker["message"], transfer: ArrayBuffer[] = []): void {
    this.#thread.send({ job: this.#id, message }, transfer);
  }

  /** Hands a chunk over: without copying when nobody else can see the memory that it lies in. Returns its bytes. */
  sendChunk(chunk: Uint8Array): number {
    // Not slice(): a Buffer's shares its memory.
    const whole = chunk.byteLength === chunk.buffer.byteLength ? chunk : new Uint8Array(chunk);
    const { byteLength } = whole;
    this.#send({ kind: "chunk", bytes: whole }, whole.buffer instanceof ArrayBuffer ? [whole.buffer] : []);
    return byteLength;
  }

  /** Says that no more chunks come. */
  sendEnd(): void {
    this.#send({ kind: "end" });
  }

  /** Resolves at the thread's next word, rejects when there is no point in waiting. */
  async word(): Promise<void> {
    const next = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await Promise.race([next, this.result]);
  }

  fail(error: unknown): void {
    this.#settle.reject(error);
    this.#wake?.();
  }

  /** The thread is gone. */
  breakOff(error: unknown): void {
    this.#stop();
    this.fail(error);
  }

  #stop(): void {
    this.#ended = true;
    this.#stopped.resolve();
  }

  /** Resolves when the thread no longer touches the files. */
  async end(): Promise<void> {
    if (!this.#ended) this.#send({ kind: "abort" });
    await this.#stopped.promise;
    this.#thread.jobs.delete(this.#id);
    endIdleThreads();
  }
}
