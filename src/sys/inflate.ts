/** Decompression a step at a time, on another thread, from and into buffers of the caller's. */
import type { Compression as NativeCompression, NativeDecompressor } from "../../ffi/inflate.ts";
import { openDecompressor } from "../../ffi/inflate.ts";

/** What can be decompressed. */
export type Compression = NativeCompression;

export interface InflateStep {
  /** Bytes taken from the input. */
  readonly read: number;
  /** Bytes put into the output. */
  readonly written: number;
}

/** One decompression, of as many gzip members or zstd frames as follow each other. */
export class Inflater implements Disposable {
  readonly #native: NativeDecompressor;
  /** Written by the native side: output and input bytes left over. */
  readonly #state = new Uint32Array(2);
  #settle: ((failure?: Error) => void) | undefined;

  constructor(compression: Compression) {
    this.#native = openDecompressor(compression, this.#state, {
      done: () => this.#settle?.(),
      failed: (error) => this.#settle?.(error),
    });
  }

  /**
   * Decompresses from `input` into `output` until one of the two is used up; both must be left alone until the promise settles.
   * `finish` says that no input follows: a gzip stream that is cut short is an error then (a zstd stream is not).
   */
  step(input: Uint8Array, output: Uint8Array, finish = false): Promise<InflateStep> {
    return new Promise((resolve, reject) => {
      this.#settle = (failure) => {
        this.#settle = undefined;
        const [outputLeft = 0, inputLeft = 0] = this.#state;
        if (failure !== undefined) reject(failure);
        else resolve({ read: input.length - inputLeft, written: output.length - outputLeft });
      };
      const flush = finish ? this.#native.flush.finish : this.#native.flush.none;
      this.#native.write(flush, input, 0, input.length, output, 0, output.length);
    });
  }

  [Symbol.dispose](): void {
    this.#native.close();
  }
}
