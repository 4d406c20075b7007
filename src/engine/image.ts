/** Images as the engine uses them: found or pulled for a container, listed, removed. */
import type { Image } from "../image/image-row.ts";
import type { RemovedImage } from "../image/remove.ts";
import { ImageStore } from "../image/store.ts";
import type { Context } from "./context.ts";
import type {
  ImageFilter,
  ImageSummary,
  PushOptions,
  PushWatch,
  RemoveImageOptions,
} from "./image-options.ts";
import type { PullOptions, PullWatch, RootSource } from "./options.ts";

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
  return await summarize(context, await pullWith(imageStore(context), reference, options, watch));
}

/** Takes the images of an archive in. */
export async function loadToStore(
  context: Context,
  path: string,
  { platform, layerFormat }: PullOptions,
  { onEvent, signal }: PullWatch,
): Promise<ImageSummary[]> {
  const [{ loadImages }, { parsePlatform }] = await Promise.all([
    import("../image/load.ts"),
    import("../image/platform.ts"),
  ]);
  const images = await loadImages(path, {
    store: imageStore(context),
    platform: platform === undefined ? undefined : parsePlatform(platform),
    layerFormat,
    onProgress: onEvent,
    signal,
  });
  return await Promise.all(images.map((image) => summarize(context, image)));
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

/** Sends an image to a registry; resolves to the digest that it has there. */
export async function pushFromStore(
  context: Context,
  name: string,
  { destination, access, ...options }: PushOptions,
  { onEvent, signal }: PushWatch,
): Promise<string> {
  const { pushImage } = await import("../image/push.ts");
  return await pushImage(name, destination, {
    ...access,
    store: imageStore(context),
    ...options,
    onProgress: onEvent,
    signal,
  });
}

async function hasPlatform(image: Image, wanted: string | undefined): Promise<boolean> {
  if (wanted === undefined) return true;
  const { formatPlatform, parsePlatform } = await import("../image/platform.ts");
  return formatPlatform(image.platform) === formatPlatform(parsePlatform(wanted));
}

/** The images that are here and pass all filters, the last built first. */
export async function listImages(context: Context, filters: readonly ImageFilter[]): Promise<ImageSummary[]> {
  const store = imageStore(context);
  const images = await Promise.all(store.list().map((image) => summarize(context, image)));
  if (filters.length === 0) return images;
  const { filterImages } = await import("./image-filter.ts");
  return filterImages(images, filters, (name) => store.get(name).createdAt);
}

/** Gives an image more names; a name that another image had moves. */
export function tagImage(context: Context, name: string, references: readonly string[]): void {
  imageStore(context).tag(name, ...references);
}

/** Takes names away, all when none are given; the image stays. */
export function untagImage(context: Context, name: string, references: readonly string[]): readonly string[] {
  return imageStore(context).untag(name, references);
}

/** Removes a reference, and the image with its last one; undefined: `ignore`, and there was none. */
export async function removeImage(
  context: Context,
  name: string,
  { force, ignore }: RemoveImageOptions,
): Promise<RemovedImage | undefined> {
  const store = imageStore(context);
  if (ignore && store.find(name) === undefined) return undefined;
  return await store.remove(name, { force });
}

async function summarize({ database }: Context, image: Image): Promise<ImageSummary> {
  const { formatPlatform } = await import("../image/platform.ts");
  const { id, references, referenceDigests, manifestDigest, createdAt, sizeBytes, config } = image;
  const used = database
    .query<{ count: number }, [string]>("SELECT count(*) AS count FROM containers WHERE image_id = ?")
    .get(id);
  return {
    id,
    references,
    referenceDigests,
    manifestDigest,
    platform: formatPlatform(image.platform),
    createdAt,
    sizeBytes,
    labels: config.config?.Labels ?? {},
    containers: used?.count ?? 0,
  };
}
