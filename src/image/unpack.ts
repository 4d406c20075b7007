/** Unpacks one layer blob into a staging directory: decompression, diff ID, archive and files in one pass. */
import { CurruntError } from "../base/error.ts";

export interface UnpackLimits {
  /** Entries of the archive; 10 million unless told. */
  readonly entries: number;
  /** Bytes of the decompressed archive; unlimited unless told. */
  readonly sizeBytes: number;
}

export interface UnpackProgress {
  /** Bytes taken from the compressed stream so far. */
  readonly compressedBytes: number;
  /** Bytes that came out of it. */
  readonly uncompressedBytes: number;
  readonly entries: number;
}

export interface UnpackOptions {
  /** Name of the layer in errors: its digest. */
  readonly name: string;
  /** A directory that does not exist yet; its parent does. Complete when the promise resolves, gone when it rejects. */
  readonly staging: string;
  /** The descriptor's type: only `+encrypted` matters, the compression is told by the bytes. */
  readonly mediaType?: string;
  /** Size of the blob where it is known: a small one is unpacked without a worker. */
  readonly sizeBytes?: number | undefined;
  readonly limits?: Partial<UnpackLimits>;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (progress: UnpackProgress) => void;
}

/** A hard link to a file that only an earlier layer has. */
export interface ForeignLink {
  /** Path of the link within the layer: bytes, relative, without a leading slash. */
  readonly path: Uint8Array;
  readonly target: Uint8Array;
}

export interface UnpackedLayer {
  /** "sha256:…" of the whole decompressed stream. */
  readonly diffID: string;
  /** Bytes of file content written. */
  readonly sizeBytes: number;
  readonly entries: number;
  /** Directories that the archive did not list: their owner and mode are those of an earlier layer (`finishLayer`). */
  readonly implicitDirectories: readonly Uint8Array[];
  /** Links that wait for an earlier layer (`finishLayer`). */
  readonly foreignLinks: readonly ForeignLink[];
  /** What could not be kept, for the user: an attribute that the file system does not take … */
  readonly warnings: readonly string[];
}

/**
 * Unpacks `stream` into `staging` as an overlay layer, in a worker. The stream is read to its end, so that its own digest can be
 * taken by who feeds it. Rejects with the layer's name in the chain; then `staging` is gone.
 */
export function unpackLayer(
  _stream: ReadableStream<Uint8Array>,
  { name }: UnpackOptions,
): Promise<UnpackedLayer> {
  return Promise.reject(new CurruntError("unsupported", `unpack layer ${name}: not there yet`));
}

/**
 * Completes an unpacked layer once the layers below it are in place: implicit directories take owner, mode and attributes of the
 * same directory below, links to files below become copies. `lowers`: directories, top first. Needed only when one of the two lists is not empty.
 */
export function finishLayer(
  _directory: string,
  _layer: Pick<UnpackedLayer, "implicitDirectories" | "foreignLinks">,
  _lowers: readonly string[],
): void {
  throw new CurruntError("unsupported", "finish layer: not there yet");
}
