/** Images as the engine uses them: found or pulled for a container, listed, removed. */
import type { Image } from "../image/store.ts";
import { ImageStore } from "../image/store.ts";
import type { Context } from "./context.ts";
import type { ImageSummary } from "./engine.ts";
import type { PullOptions, PullWatch, RemoveImageOptions, RootSource } from "./options.ts";

/** The image store over the engine's index. */
export function imageStore({ database, roots }: Context): ImageStore {
  return new ImageStore(database, roots);
}

/** The image of a new container, pulled when the options say so. */
export async function findImage(
  context: Context,
  { reference, pull, platform, layerFormat, access }: RootSource & { kind: "image" },
  { quiet, watch }: { quiet: boolean; watch: PullWatch },
): Promise<Image> {
  const store = imageStore(context);
  const found =
    pull === "always" ? undefined : (store.find(reference) ?? (await findShort(store, reference)));
  if (pull === "never") return found ?? store.get(reference);
  if (found !== undefined && (await hasPlatform(found, platform))) return found;
  const options = {
    quiet,
    ...(platform === undefined ? {} : { platform }),
    ...(layerFormat === undefined ? {} : { layerFormat }),
    ...(access === undefined ? {} : { access }),
  };
  return await pullWith(store, reference, options, watch);
}

/** The image that a short name stands for by the rules of registries.conf, which nobody reads while images are here. */
async function findShort(store: ImageStore, reference: string): Promise<Image | undefined> {
  const { findCandidate } = await import("../image/pull.ts");
  return findCandidate(store, reference);
}

/** Gets an image from its registry. */
export async function pullToStore(
  context: Context,
  reference: string,
  options: PullOptions,
  watch: PullWatch,
): Promise<ImageSummary> {
  return await summarize(await pullWith(imageStore(context), reference, options, watch));
}

async function pullWith(
  store: ImageStore,
  reference: string,
  { platform, layerFormat, access }: PullOptions,
  { onEvent, signal }: PullWatch,
): Promise<Image> {
  const { pullImage } = await import("../image/pull.ts");
  const { parsePlatform } = await import("../image/platform.ts");
  return await pullImage(reference, {
    ...access,
    store,
    platform: platform === undefined ? undefined : parsePlatform(platform),
    layerFormat,
    onProgress: onEvent,
    signal,
  });
}

async function hasPlatform(image: Image, wanted: string | undefined): Promise<boolean> {
  if (wanted === undefined) return true;
  const { formatPlatform, parsePlatform } = await import("../image/platform.ts");
  return formatPlatform(image.platform) === formatPlatform(parsePlatform(wanted));
}

/** The images that are here, the last pulled first. */
export async function listImages(context: Context): Promise<ImageSummary[]> {
  return await Promise.all(imageStore(context).list().map(summarize));
}

/** All that is known about an image, as JSON data. */
export async function inspectImage(context: Context, name: string): Promise<Record<string, unknown>> {
  const image = imageStore(context).get(name);
  const { config, pulledAt } = image;
  const layers = config.rootfs.diff_ids ?? [];
  const summary = await summarize(image);
  return { ...summary, pulledAt, layers, config: config.config ?? {}, history: config.history ?? [] };
}

/** Removes a reference, and the image with its last one. */
export async function removeImage(
  context: Context,
  name: string,
  options: RemoveImageOptions,
): Promise<{ readonly untagged: readonly string[]; readonly deleted: string | undefined }> {
  return await imageStore(context).remove(name, options);
}

async function summarize(image: Image): Promise<ImageSummary> {
  const { formatPlatform } = await import("../image/platform.ts");
  const { id, references, manifestDigest, createdAt, sizeBytes } = image;
  return { id, references, manifestDigest, platform: formatPlatform(image.platform), createdAt, sizeBytes };
}
