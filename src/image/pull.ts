/** Pulling: a reference becomes an image on disk, its layers fetched, checked and unpacked at once. */
import { CurruntError, wrap } from "../base/error.ts";
import { BackgroundSync } from "../sys/background-sync.ts";
import { digestOf } from "./digest.ts";
import { leaseLayers } from "./garbage.ts";
import type { Image } from "./image-row.ts";
import type { ImageSource } from "./image-source.ts";
import { forgetLayer } from "./kept-layer.ts";
import type { LayerFormatChoice } from "./layer-format.ts";
import { usableFormat } from "./layer-format.ts";
import { pullLayers } from "./layer-pull.ts";
import type { LayerPlan } from "./layer-transfer.ts";
import type { ImageConfig } from "./manifest.ts";
import { MAX_CONFIG_BYTES, parseImageConfig } from "./manifest.ts";
import type { Access } from "./open-source.ts";
import { openSource } from "./open-source.ts";
import type { Platform } from "./platform.ts";
import { hostPlatform } from "./platform.ts";
import type { PullListener } from "./progress.ts";
import { checkPlatform, missingSizes, planLayers } from "./pull-plan.ts";
import type { Reference } from "./reference.ts";
import { formatReference } from "./reference.ts";
import type { ResolvedImage } from "./resolve.ts";
import { resolveImage } from "./resolve.ts";
import { checkRoom } from "./room.ts";
import { candidatesFor, firstPulled } from "./short-name.ts";
import { makeStaging } from "./staging.ts";
import type { ImageStore, StoredLayer } from "./store.ts";
import { prepareUnpacking } from "./unpack.ts";

/** Unpacked data that may wait in memory for the disk: small enough that the end of a pull need not wait long. */
export const SYNC_PIECE_BYTES = 32 << 20;

export interface PullOptions extends Access {
  readonly store: ImageStore;
  /** Absent: this machine's. */
  readonly platform?: Platform | undefined;
  /** How layers are stored that are not here yet: as directories unless told. */
  readonly layerFormat?: LayerFormatChoice | undefined;
  readonly onProgress?: PullListener | undefined;
}

/**
 * Brings the image that `reference` names into the store and gives it that name. When it is here already, only the
 * manifest is asked for. Throws "not-found", "denied", "unavailable", "invalid" or "unsupported" with a hint. What had
 * come is kept for the next pull when it was the network or the user that ended this one; else nothing is left behind.
 */
export async function pullImage(reference: string, options: PullOptions): Promise<Image> {
  const candidates = candidatesFor(reference);
  const { store } = options;
  // What a killed pull left is removed before anything is added.
  store.collect();
  try {
    using _lease = leaseLayers(store.paths);
    return await firstPulled(candidates, (candidate) => pull(candidate, options));
  } catch (error) {
    const failure =
      options.signal?.aborted === true ? options.signal.reason : wrap(error, `pull "${reference}"`);
    throw withoutLeftovers(store, failure);
  }
}

/** The image that is here under one of the names that a short name may stand for. */
export function findCandidate(store: ImageStore, name: string): Image | undefined {
  for (const candidate of candidatesFor(name)) {
    const found = store.find(formatReference(candidate));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `failure`, once the layers that were complete are gone where nobody will come back for them. */
export function withoutLeftovers(store: ImageStore, failure: unknown): unknown {
  try {
    store.collect();
    return failure;
  } catch (error) {
    // A full disk fails both. The next pull cleans up; why this one failed must not be lost.
    return new SuppressedError(error, failure);
  }
}

/** One image on its way into the store, from a registry or an archive. */
export interface Job {
  /** The name that it gets; undefined: none yet. */
  readonly reference: Reference | undefined;
  readonly client: ImageSource;
  readonly resolved: ResolvedImage;
  readonly store: ImageStore;
  /** As asked for. */
  readonly platform: Platform | undefined;
  readonly layerFormat: LayerFormatChoice;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: PullListener;
  readonly onWarning: (message: string) => void;
}

async function pull(reference: Reference, options: PullOptions): Promise<Image> {
  const { store, platform, layerFormat = "directory", signal, onProgress = () => undefined } = options;
  const onWarning = (message: string) => onProgress({ type: "warning", message });
  const client = openSource(reference, { ...options, onWarning });
  const resolved = await resolveImage(client, reference, {
    platform: platform ?? hostPlatform(),
    blobs: store.blobs,
  });
  return await bringImage({
    reference,
    client,
    resolved,
    store,
    platform,
    layerFormat,
    signal,
    onProgress,
    onWarning,
  });
}

/** Brings the image of a job into the store, as far as it is not there. The caller holds the lease. */
export async function bringImage(job: Job): Promise<Image> {
  const { resolved, store } = job;
  const startedAt = performance.now();
  const known =
    resolved.kind === "image"
      ? store.find(resolved.manifest.config.digest)
      : store.findManifest(resolved.manifestDigest);
  const kept = known === undefined ? undefined : await keep(known, job);
  const { image, transferredBytes } = kept ?? (await pullNew(job));
  job.onProgress({
    type: "done",
    reference: nameIn(job),
    digest: resolved.digest,
    imageID: image.id,
    transferredBytes,
    durationMs: performance.now() - startedAt,
  });
  return image;
}

/** What events call the image. */
function nameIn({ reference, resolved }: Job): string {
  return reference === undefined ? resolved.digest : formatReference(reference);
}

interface Outcome {
  readonly image: Image;
  readonly transferredBytes: number;
}

/** The image is here: it gets the name. Undefined: somebody has removed it meanwhile. */
async function keep(known: Image, job: Job): Promise<Outcome | undefined> {
  const { reference, resolved, store, onProgress } = job;
  onProgress({ type: "up-to-date", reference: nameIn(job), digest: resolved.digest });
  await keepDocuments(resolved.documents, store);
  const image = reference === undefined ? known : store.rename(known.id, reference, resolved.digest);
  return image && { image, transferredBytes: 0 };
}

async function pullNew(job: Job): Promise<Outcome> {
  const { reference, client, resolved, store, signal, onProgress, onWarning } = job;
  using _ready = prepareUnpacking(missingSizes(resolved, store));
  using staging = makeStaging(store.paths.staging);
  // Mounts are tried while the registry answers.
  const [early, format] = await Promise.all([
    fetchConfig(client, resolved, store),
    usableFormat(job.layerFormat, staging.path, onWarning),
  ]);
  if (early !== undefined) checkPlatform(early.config, job.platform, onWarning);
  const layers = planLayers(resolved, early?.config, store);
  tellResolved(job, layers);
  const keepsPartials = checkRoom(layers, store, onWarning) && client.isRemote;
  using sync = new BackgroundSync(staging.path, SYNC_PIECE_BYTES);
  const context = { client, store, staging: staging.path, format, keepsPartials, sync, signal, onProgress };
  const { stored, transferredBytes } = await pullLayers(layers, context);
  const { id, bytes, config } = early ?? makeConfig(resolved, stored);
  const platform = checkPlatform(config, job.platform, early === undefined ? onWarning : () => undefined);
  await store.blobs.write(new Map(resolved.documents).set(id, bytes), staging.path, sync);
  const image = store.commit({
    id,
    manifestDigest: resolved.manifestDigest,
    reference,
    referenceDigest: resolved.digest,
    platform,
    config,
    layers: stored,
  });
  for (const layer of stored) forgetLayer(store.paths.ingest, layer.id);
  return { image, transferredBytes };
}

function tellResolved(job: Job, plans: readonly LayerPlan[]): void {
  const { resolved, onProgress } = job;
  // The size of a layer of schema 1 is not known: -1.
  const layers = plans.map(({ descriptor: { digest, size } }) => ({ digest, sizeBytes: Math.max(size, 0) }));
  onProgress({
    type: "resolved",
    reference: nameIn(job),
    digest: resolved.digest,
    layers,
    totalBytes: layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  });
}

/** Another index or manifest of the same image: kept, so that the next pull need not ask for its parts. */
async function keepDocuments(documents: ReadonlyMap<string, Uint8Array>, store: ImageStore): Promise<void> {
  const missing = new Map([...documents].filter(([digest]) => !store.blobs.has(digest)));
  if (missing.size === 0) return;
  using staging = makeStaging(store.paths.staging);
  using sync = new BackgroundSync(staging.path, SYNC_PIECE_BYTES);
  await store.blobs.write(missing, staging.path, sync);
}

interface ConfigDocument {
  /** Its digest: the image's ID. */
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly config: ImageConfig;
}

/** The image's config; undefined for schema 1, which has none before its layers are unpacked. */
async function fetchConfig(
  client: ImageSource,
  resolved: ResolvedImage,
  store: ImageStore,
): Promise<ConfigDocument | undefined> {
  if (resolved.kind === "schema1") return undefined;
  const descriptor = resolved.manifest.config;
  const bytes = store.blobs.read(descriptor.digest) ?? (await client.blobBytes(descriptor, MAX_CONFIG_BYTES));
  return { id: descriptor.digest, bytes, config: parseImageConfig(bytes, "image config") };
}

function makeConfig(resolved: ResolvedImage, stored: readonly StoredLayer[]): ConfigDocument {
  if (resolved.kind !== "schema1") throw new CurruntError("internal", "an image has no config");
  const bytes = resolved.schema1.config(stored.map(({ diffID }) => diffID));
  return { id: digestOf(bytes), bytes, config: parseImageConfig(bytes, "image history") };
}
