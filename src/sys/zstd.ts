/** Decompresses zstd a step at a time, on another thread, from and into buffers of the caller's. */
import type { NativeDecompressor } from "../../ffi/zstd.ts";
import { openZstd } from "../../ffi/zstd.ts";

export interface ZstdStep {
  /** Bytes taken from the input. */
  readonly read: number;
  /** Bytes put into the output. */
  readonly written: number;
}

/** One decompression, of as many frames as follow each other. */
export class ZstdDecompressor implements Disposable {
  readonly #native: NativeDecompressor;
  /** Written by the native side: output and input bytes left over. */
  readonly #state = new Uint32Array(2);
  #settle: ((failure?: Error) => void) | undefined;

  constructor() {
    this.#native = openZstd(this.#state, {
      done: () => this.#settle?.(),
      failed: (error) => this.#settle?.(error),
    });
  }

  /**
   * Decompresses from `input` into `output` until one of the two is used up; both must be left alone until the promise settles.
   * A stream that is cut short is no error.
   */
  step(input: Uint8Array, output: Uint8Array): Promise<ZstdStep> {
    return new Promise((resolve, reject) => {
      this.#settle = (failure) => {
        this.#settle = undefined;
        const [outputLeft = 0, inputLeft = 0] = this.#state;
        if (failure !== undefined) reject(failure);
        else resolve({ read: input.length - inputLeft, written: output.length - outputLeft });
      };
      this.#native.write(this.#native.flush, input, 0, input.length, output, 0, output.length);
    });
  }

  [Symbol.dispose](): void {
    this.#native.close();
  }
}
