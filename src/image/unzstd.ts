/** Decompresses zstd frames. */
import { CurruntError } from "../base/error.ts";
import { ZstdDecompressor } from "../sys/zstd.ts";
import type { Sink } from "./sink.ts";
import { ZstdFraming } from "./zstd-frame.ts";

/**
 * Two of these are all the memory that decompressing takes. Measured on a layer of 240 MB: 256 KiB loses a tenth to the hand-over;
 * 1 MiB evens out pieces of many small files and of few large ones, more gains nothing and is taken for each layer in work.
 */
const outputSize = 1 << 20;

/** Input is gathered up to this: a network brings pieces of 64 KiB, and each step costs a change of threads and back. */
const inputSize = 512 << 10;

/** Reads `source` to its end and gives what it decompresses to `sink`, while another thread is at the next piece. */
export async function unzstd(source: AsyncIterable<Uint8Array>, sink: Sink): Promise<void> {
  using decompressor = new ZstdDecompressor();
  const framing = new ZstdFraming();
  const pipe = new ZstdPipe(decompressor, sink);
  try {
    for await (const chunk of source) {
      framing.push(chunk);
      await pipe.push(chunk);
    }
    await pipe.end();
  } finally {
    // The other thread may still be at work on the buffers: they must not be let go before that ends.
    await pipe.settle();
  }
  // The native side takes a stream that is cut short for a whole one.
  framing.end();
}

type Pair = readonly [Buffer, Buffer];

function makeBuffers(): { readonly inputs: Pair; readonly outputs: Pair } {
  const pair = (size: number): Pair => [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(size)];
  return { inputs: pair(inputSize), outputs: pair(outputSize) };
}

/** Those of blobs that are done: memory that was used before costs no page faults. */
const spare: ReturnType<typeof makeBuffers>[] = [];

/** Alternates two input buffers between the source and the decompressor, and two output buffers between that and the sink. */
class ZstdPipe {
  readonly #decompressor: ZstdDecompressor;
  readonly #sink: Sink;
  readonly #buffers = spare.pop() ?? makeBuffers();
  readonly #inputs = this.#buffers.inputs;
  #inputTurn: 0 | 1 = 0;
  #inputLength = 0;
  /** The work on the other input. */
  #running: Promise<void> = Promise.resolve();
  #failed = false;
  readonly #outputs = this.#buffers.outputs;
  #turn: 0 | 1 = 0;
  /** Decompressed, not yet given to the sink. */
  #ready: Buffer | undefined;

  constructor(decompressor: ZstdDecompressor, sink: Sink) {
    this.#decompressor = decompressor;
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

  /** Gives the buffers back once no other thread uses them. */
  async settle(): Promise<void> {
    await this.#running.catch(() => undefined);
    spare.push(this.#buffers);
  }

  async #decompress(input: Uint8Array): Promise<void> {
    let rest = input;
    for (let full = false; rest.length > 0 || full; ) {
      const { read, written } = await this.#step(rest);
      if (read === 0 && written === 0 && rest.length > 0) {
        throw new CurruntError("invalid", "decompress zstd: garbage after the compressed data");
      }
      rest = rest.subarray(read);
      full = written === outputSize;
    }
  }

  /** Nothing follows: hands over what is left. */
  async end(): Promise<void> {
    await this.#take();
    await this.#running;
    this.#flush();
  }

  async #step(input: Uint8Array): Promise<{ read: number; written: number }> {
    const output = this.#outputs[this.#turn];
    const step = this.#decompressor.step(input, output);
    try {
      this.#flush();
    } catch (error) {
      // The other thread still writes to the buffer: it must not be let go before that ends.
      await step.catch(() => undefined);
      throw error;
    }
    const { read, written } = await step.catch((error: unknown) => {
      throw new CurruntError("invalid", "decompress zstd", { cause: error });
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
}
