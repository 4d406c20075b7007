/** An image archive as a source of images: content by digest, every byte checked. */
import { CurruntError } from "../base/error.ts";
import type { ArchiveFile, ArchiveFiles } from "./archive-files.ts";
import { blobPath, readDocument, streamOf } from "./archive-files.ts";
import type { BlobStreamOptions } from "./blob-stream.ts";
import { DigestError, verifyBytes } from "./digest.ts";
import type { ImageSource } from "./image-source.ts";
import type { Descriptor } from "./manifest.ts";
import { inlineData, MAX_MANIFEST_BYTES } from "./manifest.ts";
import type { FetchedManifest } from "./registry.ts";
import { Verifier } from "./verifier.ts";

/** Where else content lies than under its digest, and documents that were made for what has none. */
export interface Extra {
  /** Files by a layer's digest: not checked here, but by what they unpack to. */
  readonly layers: ReadonlyMap<string, string>;
  /** Documents by digest. */
  readonly documents: ReadonlyMap<string, Uint8Array>;
}

const nothing: Extra = { layers: new Map(), documents: new Map() };

/** The images of an OCI layout, or of a docker archive, for which `extra` says where things are. */
export class ArchiveSource implements ImageSource {
  readonly isRemote = false;
  readonly #files: ArchiveFiles;
  readonly #extra: Extra;

  constructor(files: ArchiveFiles, extra = nothing) {
    this.#files = files;
    this.#extra = extra;
  }

  async manifest(digest: string): Promise<FetchedManifest> {
    return { bytes: this.#document(digest, MAX_MANIFEST_BYTES), contentType: "", digest };
  }

  async blobBytes(descriptor: Descriptor, limit: number): Promise<Uint8Array> {
    return inlineData(descriptor) ?? this.#document(descriptor.digest, limit);
  }

  blob(descriptor: Descriptor, { onBytes, onError }: BlobStreamOptions = {}): ReadableStream<Uint8Array> {
    const { digest, size } = descriptor;
    const layer = this.#extra.layers.get(digest);
    const file = this.#open(layer ?? blobPath(digest), digest);
    let doneBytes = 0;
    const verifier = layer === undefined ? new Verifier(digest, size, `blob ${digest}`) : undefined;
    return streamOf(file, {
      update(piece) {
        doneBytes += piece.length;
        onBytes?.(doneBytes);
        about(onError, () => verifier?.update(piece));
      },
      finish: () => about(onError, () => verifier?.finish()),
    });
  }

  #document(digest: string, limit: number): Uint8Array {
    const made = this.#extra.documents.get(digest);
    if (made !== undefined) return made;
    const bytes = readDocument(this.#files, blobPath(digest), limit);
    if (bytes === undefined) throw missing(digest);
    about(undefined, () => verifyBytes(bytes, digest, `blob ${digest}`));
    return bytes;
  }

  #open(path: string, digest: string): ArchiveFile {
    const file = this.#files.open(path);
    if (file === undefined) throw missing(digest);
    return file;
  }
}

/** Content that is not what it should be is damage here, and does not get better by trying again. */
function about(onError: BlobStreamOptions["onError"], check: () => void): void {
  try {
    check();
  } catch (error) {
    const failure =
      error instanceof DigestError
        ? new CurruntError("invalid", error.message, { hint: "the archive is damaged: make or copy it anew" })
        : error;
    onError?.(failure);
    throw failure;
  }
}

function missing(digest: string): CurruntError {
  return new CurruntError("invalid", `the archive lacks blob ${digest}`, {
    hint: "it was made for some platforms or layers only, or is damaged",
  });
}
