/** Decompresses a blob: the kind is told by its first bytes, the output comes in pieces of reused buffers. */
import { CurruntError } from "../base/error.ts";
import type { Compression } from "../sys/inflate.ts";
import { Inflater } from "../sys/inflate.ts";
import { ZstdFraming } from "./zstd-frame.ts";

/** How a blob is compressed, as its first bytes tell. */
export type BlobCompression = Compression | "none";

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
const sniffLength = 10;

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

/**
 * Two of these are all the memory that decompressing takes. Measured on a layer of 240 MB: 256 KiB loses a tenth to the hand-over,
 * 2 MiB evens out pieces of many small files and of few large ones, more gains nothing.
 */
const outputSize = 2 << 20;

/** Input is gathered up to this: a network brings pieces of 64 KiB, and each step costs a change of threads and back. */
const inputSize = 512 << 10;

/**
 * Reads `source` to its end and gives the decompressed bytes to `sink`, in order. A piece is valid during the call only.
 * The next piece is decompressed on another thread while `sink` works on this one.
 */
export async function decompress(
  source: AsyncIterable<Uint8Array>,
  sink: (bytes: Buffer) => void,
): Promise<BlobCompression> {
  const { start, rest } = await peek(source, sniffLength);
  const compression = sniffCompression(start);
  if (compression === "none") for await (const chunk of rest) sink(asBuffer(chunk));
  else await inflate(rest, compression, sink);
  return compression;
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

/** The first `length` bytes of `source`, or what there is, and the whole of it again. */
async function peek(
  source: AsyncIterable<Uint8Array>,
  length: number,
): Promise<{ start: Uint8Array; rest: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  let start: Uint8Array = new Uint8Array(0);
  while (start.length < length) {
    const { done, value } = await iterator.next();
    if (done === true) break;
    // A copy: a piece is the source's again when the next one is asked for.
    start = Buffer.concat([start, value]);
  }
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

async function inflate(
  source: AsyncIterable<Uint8Array>,
  compression: Compression,
  sink: (bytes: Buffer) => void,
): Promise<void> {
  using inflater = new Inflater(compression);
  const framing = compression === "zstd" ? new ZstdFraming() : undefined;
  const pipe = new InflatePipe(inflater, compression, sink);
  try {
    for await (const chunk of source) {
      framing?.push(chunk);
      await pipe.push(chunk);
    }
    await pipe.end();
  } finally {
    // The other thread may still be at work on the buffers: they must not be let go before that ends.
    await pipe.settle();
  }
  framing?.end();
}

/** Alternates two input buffers between the source and the decompressor, and two output buffers between that and the sink. */
class InflatePipe {
  readonly #inflater: Inflater;
  readonly #compression: Compression;
  readonly #sink: (bytes: Buffer) => void;
  readonly #inputs = [Buffer.allocUnsafeSlow(inputSize), Buffer.allocUnsafeSlow(inputSize)] as const;
  #inputTurn: 0 | 1 = 0;
  #inputLength = 0;
  /** The work on the other input. */
  #running: Promise<void> = Promise.resolve();
  #failed = false;
  readonly #outputs = [Buffer.allocUnsafeSlow(outputSize), Buffer.allocUnsafeSlow(outputSize)] as const;
  #turn: 0 | 1 = 0;
  /** Decompressed, not yet given to the sink. */
  #ready: Buffer | undefined;
  /** Set once the decompressor takes no more: padding may follow. */
  #ended = false;

  constructor(inflater: Inflater, compression: Compression, sink: (bytes: Buffer) => void) {
    this.#inflater = inflater;
    this.#compression = compression;
    this.#sink = sink;
  }

  async push(chunk: Uint8Array): Promise<void> {
    // Throws: nothing more needs to be read.
    if (this.#failed) await this.#running;
    for (let rest = chunk; rest.length > 0; ) {
      const step = Math.min(rest.length, inputSize - this.#inputLength);
      this.#inputs[this.#inputTurn].set(rest.subarray(0, step), this.#inputLength);
      this.#inputLength += step;
      rest = rest.subarray(step);
      if (this.#inputLength === inputSize) await this.#take();
    }
  }

  /** Begins to decompress what is gathered, once what was gathered before is done. */
  async #take(): Promise<void> {
    await this.#running;
    this.#running = this.#decompress(this.#inputs[this.#inputTurn].subarray(0, this.#inputLength));
    this.#running.catch(() => {
      this.#failed = true;
    });
    this.#inputTurn = this.#inputTurn === 0 ? 1 : 0;
    this.#inputLength = 0;
  }

  /** Resolves when no other thread uses the buffers. */
  async settle(): Promise<void> {
    await this.#running.catch(() => undefined);
  }

  async #decompress(input: Uint8Array): Promise<void> {
    let rest = input;
    for (let full = false; rest.length > 0 || full; ) {
      if (this.#ended) return this.#checkPadding(rest);
      const { read, written } = await this.#step(rest, false);
      rest = rest.subarray(read);
      full = written === outputSize;
      this.#ended = read === 0 && written === 0 && rest.length > 0;
    }
  }

  /** Nothing follows: hands over what is left. */
  async end(): Promise<void> {
    await this.#take();
    await this.#running;
    // The native side answers a cut gzip stream with an error here; for zstd the framing does.
    while (!this.#ended && this.#compression === "gzip") {
      const { written } = await this.#step(new Uint8Array(0), true);
      if (written < outputSize) break;
    }
    this.#flush();
  }

  async #step(input: Uint8Array, finish: boolean): Promise<{ read: number; written: number }> {
    const output = this.#outputs[this.#turn];
    const step = this.#inflater.step(input, output, finish);
    try {
      this.#flush();
    } catch (error) {
      // The other thread still writes to the buffer: it must not be let go before that ends.
      await step.catch(() => undefined);
      throw error;
    }
    const { read, written } = await step.catch((error: unknown) => {
      throw new CurruntError("invalid", `decompress ${this.#compression}`, { cause: error });
    });
    this.#ready = output.subarray(0, written);
    this.#turn = this.#turn === 0 ? 1 : 0;
    return { read, written };
  }

  #flush(): void {
    const ready = this.#ready;
    this.#ready = undefined;
    if (ready !== undefined && ready.length > 0) this.#sink(ready);
  }

  // gzip files are padded with zeros on tape and by some tools (gzip(1), "trailing garbage").
  #checkPadding(rest: Uint8Array): void {
    if (rest.some((byte) => byte !== 0)) {
      throw new CurruntError("invalid", `decompress ${this.#compression}: garbage after the compressed data`);
    }
  }
}
