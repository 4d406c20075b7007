/** Unpacks one layer blob into a staging directory, in a worker: decompression, diff ID, archive and files in one pass. */
import { mkdirSync } from "node:fs";
import { CurruntError, wrap } from "../base/error.ts";
import { removeTree } from "../sys/directory.ts";
import type { Lowers, UnpackedLayer, UnpackLimits, UnpackProgress } from "./apply.ts";
import { applyLayer } from "./apply.ts";
import { readStart, sniffCompression, sniffLength } from "./decompress.ts";
import type { Algorithm } from "./digest.ts";
import { openGunzip } from "./gunzip.ts";
import type { OverlayNamespace } from "./layer-attribute.ts";
import type { LayerFormat } from "./layer-target.ts";
import type { Feed } from "./unpack-feed.ts";
import { ChunkFeed, GunzipFeed } from "./unpack-feed.ts";
import { Job, prepareThread } from "./unpack-job.ts";

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

/** Makes ready for blobs of these sizes (negative where it is not known), soon to come. */
export function prepareUnpacking(sizesBytes: readonly number[]): Disposable | undefined {
  return sizesBytes.some((size) => size < 0 || size > smallBlob) ? prepareThread() : undefined;
}

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
  const { staging, split, format, algorithm = "sha256", limits, namespace, lowers, signal } = options;
  const fillsGaps = lowers !== undefined;
  const start = await firstBytes(reader, signal);
  using stream = sniffCompression(start) === "gzip" ? openGunzip(algorithm) : undefined;
  const gunzip = stream?.address;
  const job = new Job({
    start: { staging, split, format, algorithm, gunzip, limits, namespace, fillsGaps },
    lowers,
    onProgress: options.onProgress,
  });
  const onAbort = () => job.fail(signal?.reason);
  signal?.addEventListener("abort", onAbort);
  try {
    const feed = stream === undefined ? new ChunkFeed(job) : new GunzipFeed(job, stream);
    const sent = sendAll(start, reader, feed).catch((error: unknown) => job.fail(error));
    const layer = await job.result;
    await sent;
    return layer;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    await job.end();
  }
}

/** What tells the compression. */
async function firstBytes(reader: ChunkReader, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const chunks = chunksOf(reader, signal);
  try {
    return await readStart(chunks, sniffLength);
  } finally {
    await chunks.return(undefined);
  }
}

async function sendAll(start: Uint8Array, reader: ChunkReader, feed: Feed): Promise<void> {
  if (start.length > 0) await feed.put(start);
  for (;;) {
    const { done, value } = await reader.read();
    if (done || value === undefined) break;
    await feed.put(value);
  }
  feed.end();
}
