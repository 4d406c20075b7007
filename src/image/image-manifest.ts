/** The documents that a stored image came with. */
import type { Image } from "./image-row.ts";
import type { ImageManifest } from "./manifest.ts";
import { parseManifest } from "./manifest.ts";
import { DOCKER_MANIFEST } from "./media-type.ts";
import type { ImageStore } from "./store.ts";

/** A document as its publisher wrote it. */
export interface ManifestDocument {
  readonly mediaType: string;
  readonly digest: string;
  readonly bytes: Uint8Array;
}

export interface ImageDocuments {
  /** Undefined when it was of schema 1, or is damaged. */
  readonly manifest: (ManifestDocument & { readonly content: ImageManifest }) | undefined;
  /** The index that it was chosen from; `entries` are the digests in there. */
  readonly index: (ManifestDocument & { readonly entries: readonly string[] }) | undefined;
}

/** An index in an index is enough; what is deeper is not looked at. */
const maximumDepth = 3;

/** Those of an image; `digest`: what one of its names stands for. An image has several where its publisher wrote several about it. */
export function documentsOf(store: ImageStore, image: Image, digest = image.manifestDigest): ImageDocuments {
  const found = find(store, image.id, digest, maximumDepth) ?? find(store, image.id, image.manifestDigest, 1);
  return found ?? { manifest: undefined, index: undefined };
}

/** Whether a manifest is of docker's own kind; the image specification's need not say what they are. */
export function isDockerManifest({ mediaType }: ManifestDocument): boolean {
  return mediaType === DOCKER_MANIFEST;
}

function find(store: ImageStore, id: string, digest: string, depth: number): ImageDocuments | undefined {
  const bytes = depth === 0 ? undefined : store.blobs.read(digest);
  if (bytes === undefined) return undefined;
  const parsed = parseManifest(bytes, undefined, { subject: `manifest ${digest}`, trusted: true });
  const document = { mediaType: parsed.mediaType, digest, bytes };
  if (parsed.kind === "image") {
    const content = parsed.manifest;
    return content.config.digest === id
      ? { manifest: { ...document, content }, index: undefined }
      : undefined;
  }
  if (parsed.kind !== "index") return undefined;
  const entries = parsed.index.manifests.map((entry) => entry.digest);
  for (const entry of entries) {
    const inner = find(store, id, entry, depth - 1);
    if (inner !== undefined) return { manifest: inner.manifest, index: { ...document, entries } };
  }
  return undefined;
}
