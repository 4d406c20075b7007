/** The runtime's native decompressors, for use with buffers of our own. */

export type Compression = "gzip" | "zstd";

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
  readonly flush: { readonly none: number; readonly finish: number };
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
 * versions of Node; one that is different is refused, and test/unit/sys/inflate.test.ts runs it.
 */
export function openDecompressor(
  compression: Compression,
  state: Uint32Array,
  events: DecompressorEvents,
): NativeDecompressor {
  // Loaded here: it takes milliseconds, and is hoisted to the start of the program when it is imported.
  const zlib = process.getBuiltinModule("node:zlib");
  const { constants } = zlib;
  const gzip = compression === "gzip";
  const handle = newHandle(
    gzip ? zlib.createGunzip() : zlib.createZstdDecompress(),
    gzip ? constants.GUNZIP : (constants as Record<string, number>)["ZSTD_DECOMPRESS"],
  );
  handle.onerror = (message, _errno, code) => events.failed(new Error(`${message} (${code})`));
  const done = () => events.done();
  if (gzip) handle.init(15, constants.Z_DEFAULT_COMPRESSION, 8, 0, state, done, undefined);
  // All ones: every parameter at the library's default, the window limit of 128 MiB among them.
  else handle.init(new Uint32Array(200).fill(0xffffffff), undefined, state, done);
  return {
    write: (...parameters) => handle.write(...parameters),
    close: () => handle.close(),
    flush: gzip
      ? { none: constants.Z_NO_FLUSH, finish: constants.Z_FINISH }
      : { none: constants.ZSTD_e_continue, finish: constants.ZSTD_e_end },
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
