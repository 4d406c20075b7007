/** The runtime's native decompressors, driven a step at a time with buffers of our own. */
import zlib from "node:zlib";

/**
 * The object behind a `node:zlib` stream. The streams themselves allocate each piece of output anew, which costs a third of the
 * speed in page faults, and hand it over before they start on the next. Its shape has not changed since Node 4;
 * `Inflater` refuses one that is different, and test/unit/ffi/inflate.test.ts runs it.
 */
interface NativeHandle {
  init(...parameters: unknown[]): unknown;
  write(
    flush: number,
    input: Uint8Array,
    inputOffset: number,
    inputLength: number,
    output: Uint8Array,
    outputOffset: number,
    outputLength: number,
  ): void;
  close(): void;
  onerror: (message: string, errno: number, code: string) => void;
}

export type Compression = "gzip" | "zstd";

export interface InflateStep {
  /** Bytes taken from the input. */
  readonly read: number;
  /** Bytes put into the output. */
  readonly written: number;
}

function makeHandle(compression: Compression): NativeHandle {
  const { constants } = zlib;
  const stream = (compression === "gzip" ? zlib.createGunzip() : zlib.createZstdDecompress()) as unknown as {
    _handle?: { constructor: new (mode: number) => NativeHandle; close(): void };
    destroy(): void;
  };
  const Handle = stream._handle?.constructor;
  const mode = compression === "gzip" ? constants.GUNZIP : constants.ZSTD_DECOMPRESS;
  if (Handle === undefined || mode === undefined) {
    throw new Error(`this runtime's node:zlib has no native handle for ${compression}`);
  }
  const handle = new Handle(mode);
  stream.destroy();
  return handle;
}

/** One decompression, of as many gzip members or zstd frames as follow each other. */
export class Inflater implements Disposable {
  readonly #handle: NativeHandle;
  readonly #flush: { readonly none: number; readonly finish: number };
  /** Written by the native side: output and input bytes left over. */
  readonly #state = new Uint32Array(2);
  #settle: ((failure?: Error) => void) | undefined;

  constructor(compression: Compression) {
    const { constants } = zlib;
    this.#handle = makeHandle(compression);
    const done = () => this.#settle?.();
    if (compression === "gzip") {
      this.#handle.init(15, constants.Z_DEFAULT_COMPRESSION, 8, 0, this.#state, done, undefined);
      this.#flush = { none: constants.Z_NO_FLUSH, finish: constants.Z_FINISH };
    } else {
      // All ones: every parameter at the library's default, the window limit of 128 MiB among them.
      this.#handle.init(new Uint32Array(200).fill(0xffffffff), undefined, this.#state, done);
      this.#flush = { none: constants.ZSTD_e_continue, finish: constants.ZSTD_e_end };
    }
    this.#handle.onerror = (message, _errno, code) => this.#settle?.(new Error(`${message} (${code})`));
  }

  /**
   * Decompresses from `input` into `output` on another thread, until one of the two is used up; both must be left
   * alone until the promise settles. `finish` says that no input follows: a stream that is cut short is an error then (gzip only).
   */
  step(input: Uint8Array, output: Uint8Array, finish = false): Promise<InflateStep> {
    return new Promise((resolve, reject) => {
      this.#settle = (failure) => {
        this.#settle = undefined;
        const [outputLeft = 0, inputLeft = 0] = this.#state;
        if (failure !== undefined) reject(failure);
        else resolve({ read: input.length - inputLeft, written: output.length - outputLeft });
      };
      const flush = finish ? this.#flush.finish : this.#flush.none;
      this.#handle.write(flush, input, 0, input.length, output, 0, output.length);
    });
  }

  [Symbol.dispose](): void {
    this.#handle.close();
  }
}
