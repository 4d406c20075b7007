/** Compresses archives of layers: on all cores, and the same archive always to the same bytes. */
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { zstdCompress } from "node:zlib";
import type { Fd } from "../sys/fd.ts";
import { writeAll } from "../sys/file.ts";

export type LayerCompression = "gzip" | "zstd";

/**
 * What is compressed at a time. Each becomes a gzip member or a zstd frame of its own, which all readers take as one (RFC 1952, 2.2); larger
 * ones save no hundredth, and take more memory.
 */
const blockBytes = 2 << 20;

export interface Compressed {
  /** "sha256:…" of what was written. */
  readonly digest: string;
  readonly sizeBytes: number;
}

/** Writes `source`, of which a piece is valid until the next is asked for, to `file`. */
export async function compressInto(
  file: Fd,
  source: Iterable<Uint8Array>,
  compression: LayerCompression,
  signal?: AbortSignal,
): Promise<Compressed> {
  using compressor = compression === "gzip" ? new GzipThreads() : new ZstdThreads();
  const hash = new Bun.CryptoHasher("sha256");
  let sizeBytes = 0;
  const write = (block: Uint8Array) => {
    hash.update(block);
    writeAll(file, block);
    sizeBytes += block.length;
  };
  const running: Promise<Uint8Array>[] = [];
  for (const block of blocksOf(source)) {
    signal?.throwIfAborted();
    const compressed = compressor.compress(block);
    // It is looked at in its turn; until then a failure is nobody's.
    compressed.catch(() => undefined);
    running.push(compressed);
    // One more than there are threads: that one waits while we hash and write.
    if (running.length > threads) write(await next(running));
  }
  while (running.length > 0) write(await next(running));
  return { digest: `sha256:${hash.digest("hex")}`, sizeBytes };
}

async function next(running: Promise<Uint8Array>[]): Promise<Uint8Array> {
  return (await running.shift()) ?? new Uint8Array();
}

/** Several layers are compressed at a time: memory is to stay within limits on large machines too. */
const threads = Math.min(availableParallelism(), 8);

/** Takes blocks, several at a time; each becomes a whole of its own. */
interface Compressor extends Disposable {
  compress(block: Buffer<ArrayBuffer>): Promise<Uint8Array>;
}

/** The engine's own threads know zstd well. */
class ZstdThreads implements Compressor {
  readonly #compress = promisify<Buffer, Buffer>((block, done) => zstdCompress(block, done));

  compress(block: Buffer): Promise<Uint8Array> {
    return this.#compress(block);
  }

  [Symbol.dispose](): void {
    // They are not ours.
  }
}

/** For gzip they know zlib only, where a better library is at hand (`compress-worker.ts`). */
class GzipThreads implements Compressor {
  readonly #workers: Worker[] = [];
  /** When each will be free. */
  readonly #free: Promise<unknown>[] = [];
  #turn = 0;

  compress(block: Buffer<ArrayBuffer>): Promise<Uint8Array> {
    const turn = this.#turn++ % threads;
    const worker = this.#workers[turn] ?? startWorker();
    this.#workers[turn] = worker;
    const result = (this.#free[turn] ?? Promise.resolve()).then(() => ask(worker, block));
    this.#free[turn] = result.catch(() => undefined);
    return result;
  }

  [Symbol.dispose](): void {
    for (const worker of this.#workers) worker.terminate();
  }
}

function ask(worker: Worker, block: Buffer<ArrayBuffer>): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  worker.onmessage = ({ data }: MessageEvent<Uint8Array>) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(message));
  worker.postMessage(new Uint8Array(block.buffer, block.byteOffset, block.length), [block.buffer]);
  return promise;
}

function startWorker(): Worker {
  // build.ts puts it beside the other files of the executable, where this URL leads as well.
  return new Worker(new URL("./compress-worker.ts", import.meta.url), { type: "module" });
}

/** Blocks of one size, but for the last; one at least. */
function* blocksOf(source: Iterable<Uint8Array>): Generator<Buffer<ArrayBuffer>> {
  let block = Buffer.allocUnsafeSlow(blockBytes);
  let length = 0;
  let any = false;
  for (const piece of source) {
    for (let at = 0; at < piece.length; ) {
      const step = Math.min(piece.length - at, blockBytes - length);
      block.set(piece.subarray(at, at + step), length);
      at += step;
      length += step;
      if (length < blockBytes) continue;
      // The receiver keeps it.
      yield block;
      any = true;
      block = Buffer.allocUnsafeSlow(blockBytes);
      length = 0;
    }
  }
  if (length > 0 || !any) yield block.subarray(0, length);
}
