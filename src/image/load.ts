/** Loading: the images of an archive become images of the store, by the way that pulled ones take. */
import { wrap } from "../base/error.ts";
import type { ArchivedImage } from "./archive-images.ts";
import { readImages } from "./archive-images.ts";
import { leaseLayers } from "./garbage.ts";
import type { Image } from "./image-row.ts";
import type { LayerFormat } from "./layer-target.ts";
import { openArchive } from "./open-archive.ts";
import type { Platform } from "./platform.ts";
import { hostPlatform } from "./platform.ts";
import type { PullListener } from "./progress.ts";
import { bringImage, withoutLeftovers } from "./pull.ts";
import { resolveImage } from "./resolve.ts";
import { makeStaging } from "./staging.ts";
import type { ImageStore } from "./store.ts";

export interface LoadOptions {
  readonly store: ImageStore;
  /** Absent: this machine's. */
  readonly platform?: Platform | undefined;
  /** As for a pull. */
  readonly layerFormat?: LayerFormat | undefined;
  readonly onProgress?: PullListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Loads all images of the archive at `path` (a directory, a tar file, compressed or not, or "-" for standard input), with
 * the names that it gives them. Those before a damaged one stay.
 */
export async function loadImages(path: string, options: LoadOptions): Promise<Image[]> {
  const { store, platform, signal } = options;
  store.collect();
  try {
    using _lease = leaseLayers(store.paths);
    using staging = makeStaging(store.paths.staging);
    using files = await openArchive(path, { staging: staging.path, signal });
    const loaded: Image[] = [];
    for (const image of readImages(files, platform ?? hostPlatform()))
      loaded.push(await load(image, options));
    return loaded;
  } catch (error) {
    throw withoutLeftovers(store, signal?.aborted === true ? signal.reason : wrap(error, "load images"));
  }
}

async function load({ source, digest, names }: ArchivedImage, options: LoadOptions): Promise<Image> {
  const { store, platform, layerFormat = "directory", signal, onProgress = () => undefined } = options;
  const [first, ...others] = names;
  const resolved = await resolveImage(
    source,
    { ...(first ?? { registry: "localhost", repository: "archive" }), digest },
    { platform: platform ?? hostPlatform(), blobs: store.blobs },
  );
  const image = await bringImage({
    reference: first,
    client: source,
    resolved,
    store,
    platform,
    layerFormat,
    signal,
    onProgress,
    onWarning: (message) => onProgress({ type: "warning", message }),
  });
  for (const name of others) store.rename(image.id, name, resolved.digest);
  return store.get(image.id);
}
