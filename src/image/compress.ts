/** Compresses archives of layers: on all cores, and the same archive always to the same bytes. */
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { gzip, zstdCompress } from "node:zlib";
import type { Fd } from "../sys/fd.ts";
import { writeAll } from "../sys/file.ts";

export type LayerCompression = "gzip" | "zstd";

const compressors: Readonly<Record<LayerCompression, (block: Buffer) => Promise<Buffer>>> = {
  gzip: promisify<Buffer, Buffer>((block, done) => gzip(block, { level: 6 }, done)),
  zstd: promisify<Buffer, Buffer>((block, done) => zstdCompress(block, done)),
};

/**
 * What is compressed at a time. Each becomes a gzip member or a zstd frame of its own, which all readers take as one (RFC 1952, 2.2); larger
 * ones save no hundredth.
 */
const blockBytes = 4 << 20;

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
  const hash = new Bun.CryptoHasher("sha256");
  let sizeBytes = 0;
  const write = (block: Buffer) => {
    hash.update(block);
    writeAll(file, block);
    sizeBytes += block.length;
  };
  const running: Promise<Buffer>[] = [];
  try {
    for (const block of blocksOf(source)) {
      signal?.throwIfAborted();
      running.push(compressors[compression](block));
      // One more than there are cores: that one waits while we hash and write.
      if (running.length > availableParallelism()) write(await next(running));
    }
    while (running.length > 0) write(await next(running));
  } finally {
    await Promise.allSettled(running);
  }
  return { digest: `sha256:${hash.digest("hex")}`, sizeBytes };
}

async function next(running: Promise<Buffer>[]): Promise<Buffer> {
  const block = await running[0];
  running.shift();
  return block ?? Buffer.alloc(0);
}

/** Blocks of one size, but for the last; one at least. */
function* blocksOf(source: Iterable<Uint8Array>): Generator<Buffer> {
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
      yield block;
      any = true;
      block = Buffer.allocUnsafeSlow(blockBytes);
      length = 0;
    }
  }
  if (length > 0 || !any) yield block.subarray(0, length);
}
