/** Where an image comes from: a registry's repository, or an archive. */
import type { BlobStreamOptions } from "./blob-stream.ts";
import type { Descriptor } from "./manifest.ts";
import type { FetchedManifest } from "./registry.ts";

export interface ImageSource {
  /** True: what has come of a blob is worth keeping, should the rest never come. */
  readonly isRemote: boolean;
  /** The manifest that a tag or digest names; what a digest names is checked against it. */
  manifest(tagOrDigest: string): Promise<FetchedManifest>;
  /** A small blob in whole, checked; at most `limit` bytes. */
  blobBytes(descriptor: Descriptor, limit: number): Promise<Uint8Array>;
  /** A blob as a stream that ends in an error unless size and digest are right. Nothing is read before it is asked for. */
  blob(descriptor: Descriptor, options?: BlobStreamOptions): ReadableStream<Uint8Array>;
}
