/** The manifest that a stored image came with. */
import type { Image } from "./image-row.ts";
import type { ImageManifest } from "./manifest.ts";
import { parseManifest } from "./manifest.ts";
import type { ImageStore } from "./store.ts";

/** Undefined when it was of schema 1, or is damaged. */
export function manifestOfImage(store: ImageStore, { manifestDigest }: Image): ImageManifest | undefined {
  const bytes = store.blobs.read(manifestDigest);
  if (bytes === undefined) return undefined;
  const parsed = parseManifest(bytes, undefined, { subject: `manifest ${manifestDigest}`, trusted: true });
  return parsed.kind === "image" ? parsed.manifest : undefined;
}
