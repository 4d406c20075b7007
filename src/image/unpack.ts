/** Unpacks one layer blob into a staging directory, in a worker: decompression, diff ID, archive and files in one pass. */
import { mkdirSync } from "node:fs";
import { CurruntError, wrap } from "../base/error.ts";
import { removeTree } from "../sys/directory.ts";
import type { Lowers, UnpackedLayer, UnpackLimits, UnpackProgress } from "./apply.ts";
import { applyLayer } from "./apply.ts";
import type { Algorithm } from "./digest.ts";
import type { OverlayNamespace } from "./layer-attribute.ts";
import type { LayerFormat } from "./layer-target.ts";
import type { FromWorker, ToWorker } from "./unpack-message.ts";
import { unpackError } from "./unpack-message.ts";

export interface UnpackOptions {
  /** Name of the layer in errors: its digest. */
  readonly name: string;
  /** A path where nothing is yet; its parent does. Complete when the promise resolves, gone when it rejects. */
  readonly staging: string;
  /** Where the archive's tar-split goes, on success; absent: none is kept. */
  readonly split?: string | undefined;
  /** "directory" unless told; an image is one file. */
  readonly format?: LayerFormat | undefined;
  /** Of the diff ID; sha256 unless told. */
  readonly algorithm?: Algorithm | undefined;
  /** The descriptor's type: only `+encrypted` matters, the compression is told by the bytes. */
  readonly mediaType?: string | undefined;
  /** Size of the blob where it is known: a small one is unpacked without a worker. */
  readonly sizeBytes?: number | undefined;
  readonly limits?: Partial<UnpackLimits> | undefined;
  /** "user" when the overlay will be mounted in a user namespace. */
  readonly namespace?: OverlayNamespace | undefined;
  /** Asked when the layer has gaps; absent: they are left. */
  readonly lowers?: Lowers | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: UnpackProgress) => void) | undefined;
}

/** Below this a blob is unpacked sooner than a worker has started. */
const smallBlob = 128 << 10;
/** Bytes of the stream that are on their way to the worker at most: memory stays flat when it is slower than the network. */
const windowBytes = 2 << 20;

/**
 * Unpacks `stream` into `staging` as an overlay layer. The stream is read to its end; its chunks are given away (transferred to the
 * worker): hash them before. Rejects with the layer's name in the chain; then `staging` is gone.
 */
export async function unpackLayer(
  stream: ReadableStream<Uint8Array>,
  options: UnpackOptions,
): Promise<UnpackedLayer> {
  const { name, staging, mediaType = "", sizeBytes = Number.POSITIVE_INFINITY, signal } = options;
  const reader = stream.getReader();
  try {
    if (mediaType.endsWith("+encrypted")) {
      throw new CurruntError("unsupported", `encrypted layers are not supported: ${mediaType}`);
    }
    signal?.throwIfAborted();
    if (options.format !== "erofs") mkdirSync(staging, { mode: 0o700 });
    try {
      if (sizeBytes <= smallBlob) return await applyLayer(chunksOf(reader, signal), options);
      return await unpackInWorker(reader, options);
    } catch (error) {
      removeTree(undefined, staging);
      throw error;
    }
  } catch (error) {
    // Whoever fills the stream learns that nobody reads on; how that ends is of no interest here.
    reader.cancel(error).catch(() => undefined);
    throw wrap(error, `unpack layer ${name}`);
  }
}

/** The part of a stream's reader that is used: the types of the web and of node:stream/web differ in the rest. */
interface ChunkReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
}

async function* chunksOf(reader: ChunkReader, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const aborted = Promise.withResolvers<never>();
  // Also when nobody is waiting for it.
  aborted.promise.catch(() => undefined);
  const onAbort = () => aborted.reject(signal?.reason);
  signal?.addEventListener("abort", onAbort);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await Promise.race([reader.read(), aborted.promise]);
      if (done || value === undefined) return;
      yield value;
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

async function unpackInWorker(reader: ChunkReader, options: UnpackOptions): Promise<UnpackedLayer> {
  const { staging, split, format, algorithm, limits, namespace, lowers, signal } = options;
  const job = new Job(options);
  const onAbort = () => job.fail(signal?.reason);
  signal?.addEventListener("abort", onAbort);
  try {
    const fillsGaps = lowers !== undefined;
    job.send({ kind: "start", staging, split, format, algorithm, limits, namespace, fillsGaps });
    const sent = sendAll(reader, job);
    const layer = await job.result;
    await sent;
    job.succeeded = true;
    return layer;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    await job.end();
  }
}

async function sendAll(reader: ChunkReader, job: Job): Promise<void> {
  try {
    for (;;) {
      await job.room();
      const { done, value } = await reader.read();
      if (done || value === undefined) break;
      job.sendChunk(value);
    }
    job.send({ kind: "end" });
  } catch (error) {
    job.fail(error);
  }
}

/** Workers without work, kept while others work: layers follow each other, and a start costs milliseconds. */
const idle: Worker[] = [];
let running = 0;

/** A worker and the one layer it unpacks. */
class Job {
  readonly result: Promise<UnpackedLayer>;
  succeeded = false;
  readonly #worker: Worker;
  readonly #stopped: Promise<void>;
  #settle: { resolve: (layer: UnpackedLayer) => void; reject: (error: unknown) => void };
  #stop: () => void;
  #outstanding = 0;
  #wake: (() => void) | undefined;

  constructor({ onProgress, lowers }: Pick<UnpackOptions, "onProgress" | "lowers">) {
    const result = Promise.withResolvers<UnpackedLayer>();
    const stopped = Promise.withResolvers<void>();
    this.result = result.promise;
    this.#stopped = stopped.promise;
    this.#settle = result;
    this.#stop = stopped.resolve;
    running++;
    this.#worker = idle.pop() ?? startWorker();
    this.#worker.ref();
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind === "progress") onProgress?.(data.progress);
      else if (data.kind === "gaps") this.#sendLowers(lowers);
      else this.#take(data);
    };
    this.#worker.onerror = ({ message }) => {
      this.#stop();
      this.fail(new CurruntError("internal", `the unpacking worker failed: ${message}`));
    };
  }

  #sendLowers(lowers: Lowers | undefined): void {
    const answer = lowers?.() ?? Promise.resolve([]);
    answer.then(
      (paths) => this.send({ kind: "lowers", paths }),
      (error: unknown) => this.fail(error),
    );
  }

  #take(message: Exclude<FromWorker, { kind: "progress" | "gaps" }>): void {
    if (message.kind === "taken") {
      this.#outstanding -= message.bytes;
      this.#wake?.();
      return;
    }
    this.#stop();
    if (message.kind === "done") this.#settle.resolve(message.layer);
    else this.fail(unpackError(message.error));
  }

  send(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  /** Hands a chunk over: without copying when nobody else can see the memory that it lies in. */
  sendChunk(chunk: Uint8Array): void {
    // Not slice(): a Buffer's shares its memory.
    const whole = chunk.byteLength === chunk.buffer.byteLength ? chunk : new Uint8Array(chunk);
    this.#outstanding += whole.byteLength;
    this.send({ kind: "chunk", bytes: whole }, whole.buffer instanceof ArrayBuffer ? [whole.buffer] : []);
  }

  /** Resolves when another chunk may be sent, rejects when there is no point. */
  async room(): Promise<void> {
    while (this.#outstanding >= windowBytes) {
      const more = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([more, this.result]);
    }
  }

  fail(error: unknown): void {
    this.#settle.reject(error);
    this.#wake?.();
  }

  /** Waits until the worker no longer touches the files; then keeps it for another layer, or ends it. */
  async end(): Promise<void> {
    if (!this.succeeded) this.send({ kind: "abort" });
    await this.#stopped;
    running--;
    this.#worker.unref();
    if (this.succeeded) idle.push(this.#worker);
    else this.#worker.terminate();
    if (running === 0) for (const worker of idle.splice(0)) worker.terminate();
  }
}

function startWorker(): Worker {
  // build.ts puts it beside the other files of the executable, where this URL leads as well.
  return new Worker(new URL("./unpack-worker.ts", import.meta.url), { type: "module" });
}
