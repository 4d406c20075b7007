/** Images that were made here: their documents are written and told to the index. */
import type { BackgroundSync } from "../sys/background-sync.ts";
import { digestOf } from "./digest.ts";
import type { Image } from "./image-row.ts";
import { parseImageConfig } from "./manifest.ts";
import type { Platform } from "./platform.ts";
import type { Reference } from "./reference.ts";
import type { ImageStore, StoredLayer } from "./store.ts";

export interface MadeImage {
  readonly config: Uint8Array;
  readonly manifest: Uint8Array;
  /** The name of the new image; absent: it gets none. */
  readonly reference?: Reference | undefined;
  readonly platform: Platform;
  /** Bottom first, all in their places. */
  readonly layers: readonly StoredLayer[];
}

/** A document as it is stored. */
export function encodeDocument(document: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(document));
}

/** Adds the image to the store. `staging`: a directory for the time until all is on the disk. */
export async function addImage(
  store: ImageStore,
  { config, manifest, reference, platform, layers }: MadeImage,
  { staging, sync }: { readonly staging: string; readonly sync: BackgroundSync },
): Promise<Image> {
  const [id, manifestDigest] = [digestOf(config), digestOf(manifest)];
  const documents = new Map([
    [id, config],
    [manifestDigest, manifest],
  ]);
  await store.blobs.write(documents, staging, sync);
  return store.commit({
    id,
    manifestDigest,
    reference,
    referenceDigest: manifestDigest,
    platform,
    config: parseImageConfig(config, "image config"),
    layers,
  });
}
