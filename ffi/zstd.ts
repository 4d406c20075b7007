/** The runtime's native zstd decompressor, for use with buffers of our own. */

/** A decompressor, as `node:zlib` drives it. */
export interface NativeDecompressor {
  /** Decompresses on another thread. The state given at the start then holds the bytes left of output and input. */
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
  /** For `write`: more may follow. */
  readonly flush: number;
}

interface Handle {
  init(...parameters: unknown[]): unknown;
  write: NativeDecompressor["write"];
  close(): void;
  onerror: (message: string, errno: number, code: string) => void;
}

export interface DecompressorEvents {
  /** A write has ended well. */
  done(): void;
  failed(error: Error): void;
}

/**
 * Opens the object behind a `node:zlib` stream. The streams themselves allocate each piece of output anew, which costs a third of
 * the speed in page faults, and hand it over before they start on the next. The object's shape has not changed in many
 * versions of Node; one that is different is refused, and test/unit/sys/zstd.test.ts runs it.
 */
export function openZstd(state: Uint32Array, events: DecompressorEvents): NativeDecompressor {
  // Loaded here: it takes milliseconds, and is hoisted to the start of the program when it is imported.
  const zlib = process.getBuiltinModule("node:zlib");
  const constants = zlib.constants as Record<string, number>;
  const { ZSTD_DECOMPRESS, ZSTD_e_continue: flush = 0 } = constants;
  const handle = newHandle(zlib.createZstdDecompress(), ZSTD_DECOMPRESS);
  handle.onerror = (message, _errno, code) => events.failed(new Error(`${message} (${code})`));
  // All ones: every parameter at the library's default, the window limit of 128 MiB among them.
  handle.init(new Uint32Array(200).fill(0xffffffff), undefined, state, () => events.done());
  return {
    write: (...parameters) => handle.write(...parameters),
    close: () => handle.close(),
    flush,
  };
}

function newHandle(stream: object, mode: number | undefined): Handle {
  const { _handle: sample, destroy } = stream as {
    _handle?: { constructor: new (mode: number) => Handle };
    destroy(): void;
  };
  if (sample === undefined || mode === undefined)
    throw new Error("node:zlib has no native decompressor here");
  const handle = new sample.constructor(mode);
  destroy.call(stream);
  return handle;
}
