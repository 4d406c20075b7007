/** Decompresses a blob, and hashes what comes out: the kind is told by its first bytes, the output comes in pieces of reused buffers. */
import { CurruntError } from "../base/error.ts";
import type { Algorithm } from "./digest.ts";
import { gunzip } from "./gunzip.ts";
import { startHash } from "./hash.ts";
import type { Sink } from "./sink.ts";
import { unzstd } from "./unzstd.ts";

/** How a blob is compressed, as its first bytes tell. */
export type BlobCompression = "gzip" | "zstd" | "none";

const magics: readonly { readonly bytes: Buffer; readonly name: string }[] = [
  { bytes: Buffer.from([0x1f, 0x8b]), name: "gzip" },
  { bytes: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), name: "zstd" },
  { bytes: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]), name: "xz" },
  { bytes: Buffer.from([0x04, 0x22, 0x4d, 0x18]), name: "lz4" },
  { bytes: Buffer.from([0x4c, 0x5a, 0x49, 0x50, 0x01]), name: "lzip" },
];
/** "BZh" alone could begin a file's name in a plain archive: the first block's magic number is asked for too. */
const bzip2 = { start: Buffer.from("BZh"), block: Buffer.from([0x31, 0x41, 0x59, 0x26, 0x53, 0x59]) };
/** Enough bytes to tell. */
export const sniffLength = 10;

/** Tells the compression from the first 10 bytes (fewer when the blob is shorter). Refuses kinds that no image format has. */
export function sniffCompression(start: Uint8Array): BlobCompression {
  const bytes = Buffer.from(start.buffer, start.byteOffset, start.byteLength);
  const begins = (magic: Buffer) => bytes.subarray(0, magic.length).equals(magic);
  // A skippable frame may come first (0x184D2A50 to …5F, little-endian).
  if (begins(Buffer.from([0x50 | ((bytes[0] ?? 0) & 0xf), 0x2a, 0x4d, 0x18]))) return "zstd";
  const isBzip2 = begins(bzip2.start) && bytes.subarray(4, 10).equals(bzip2.block);
  const name = isBzip2 ? "bzip2" : magics.find((magic) => begins(magic.bytes))?.name;
  if (name === undefined) return "none";
  if (name === "gzip" || name === "zstd") return name;
  throw new CurruntError("unsupported", `a layer compressed with ${name} is not supported`, {
    hint: "rebuild the image with gzip or zstd layers",
  });
}

export interface DecompressOptions {
  /** Of a digest of the decompressed bytes; absent: none is made. */
  readonly algorithm?: Algorithm | undefined;
}

/**
 * Reads `source` to its end and gives the decompressed bytes to `sink`, in order; returns their digest, when an algorithm is given.
 * The next piece is decompressed on another thread while `sink` works on this one.
 */
export async function decompress(
  source: AsyncIterable<Uint8Array>,
  sink: Sink,
  { algorithm }: DecompressOptions = {},
): Promise<string | undefined> {
  const { start, rest } = await peek(source, sniffLength);
  const compression = sniffCompression(start);
  if (compression === "gzip") return await gunzip(rest, sink, algorithm);
  const hash = algorithm === undefined ? undefined : startHash(algorithm);
  const hashed: Sink = (bytes) => {
    hash?.add(bytes);
    sink(bytes);
  };
  if (compression === "zstd") await unzstd(rest, hashed);
  else for await (const chunk of rest) hashed(asBuffer(chunk));
  return hash && `${algorithm}:${hash.digest().toHex()}`;
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

/** The pieces that have the first `length` bytes, or all that there are, as one. */
export async function readStart(source: AsyncIterator<Uint8Array>, length: number): Promise<Uint8Array> {
  let start: Uint8Array = new Uint8Array(0);
  while (start.length < length) {
    const { done, value } = await source.next();
    if (done === true) break;
    // A copy: a piece is the source's again when the next one is asked for.
    start = Buffer.concat([start, value]);
  }
  return start;
}

/** The first `length` bytes of `source`, or what there is, and the whole of it again. */
async function peek(
  source: AsyncIterable<Uint8Array>,
  length: number,
): Promise<{ start: Uint8Array; rest: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  const start = await readStart(iterator, length);
  async function* replay(): AsyncGenerator<Uint8Array> {
    try {
      if (start.length > 0) yield start;
      for (;;) {
        const { done, value } = await iterator.next();
        if (done === true) return;
        yield value;
      }
    } finally {
      await iterator.return?.();
    }
  }
  return { start, rest: replay() };
}
