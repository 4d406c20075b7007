/** Pulling: a reference becomes an image on disk, its layers fetched, checked and unpacked at once. */
import { CurruntError, wrap } from "../base/error.ts";
import { BackgroundSync } from "../sys/blocking.ts";
import type { Credentials } from "./credentials.ts";
import { findCredentials } from "./credentials.ts";
import { digestOf } from "./digest.ts";
import { leaseLayers } from "./garbage.ts";
import { forgetLayer } from "./kept-layer.ts";
import { pullLayers } from "./layer-pull.ts";
import type { LayerFormat } from "./layer-target.ts";
import type { LayerPlan } from "./layer-transfer.ts";
import type { ImageConfig } from "./manifest.ts";
import { MAX_CONFIG_BYTES, parseImageConfig } from "./manifest.ts";
import type { Platform } from "./platform.ts";
import { formatPlatform, hostPlatform, normalize } from "./platform.ts";
import type { PullListener } from "./progress.ts";
import type { Reference } from "./reference.ts";
import { formatReference, parseReference } from "./reference.ts";
import { RegistryClient } from "./registry.ts";
import type { ResolvedImage } from "./resolve.ts";
import { resolveImage } from "./resolve.ts";
import { checkRoom } from "./room.ts";
import { makeStaging } from "./staging.ts";
import type { Image, ImageStore, StoredLayer } from "./store.ts";
import type { Patience } from "./transport.ts";

/** Unpacked data that may wait in memory for the disk: small enough that the end of a pull need not wait long. */
const SYNC_PIECE_BYTES = 32 << 20;

/** A user name and a password or token for a registry. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

export interface PullOptions {
  readonly store: ImageStore;
  /** Absent: this machine's. */
  readonly platform?: Platform | undefined;
  /** Given by hand; absent: what docker's and podman's credential files say. */
  readonly login?: Login | undefined;
  /** How layers are stored that are not here yet: as directories unless told. Images are left where the kernel cannot mount them. */
  readonly layerFormat?: LayerFormat | undefined;
  readonly onProgress?: PullListener | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Time-outs and retries, where the defaults do not fit. */
  readonly patience?: Partial<Patience> | undefined;
}

/**
 * Brings the image that `reference` names into the store and gives it that name. When it is here already, only the
 * manifest is asked for. Throws "not-found", "denied", "unavailable", "invalid" or "unsupported" with a hint. What had
 * come is kept for the next pull when it was the network or the user that ended this one; else nothing is left behind.
 */
export async function pullImage(reference: string, options: PullOptions): Promise<Image> {
  const parsed = parseReference(reference);
  const { store } = options;
  // What a killed pull left is removed before anything is added.
  store.collect();
  try {
    using _lease = leaseLayers(store.paths);
    return await pull(parsed, options);
  } catch (error) {
    const failure =
      options.signal?.aborted === true ? options.signal.reason : wrap(error, `pull "${reference}"`);
    throw withoutLeftovers(store, failure);
  }
}

/** `failure`, once the layers that were complete are gone where nobody will come back for them. */
function withoutLeftovers(store: ImageStore, failure: unknown): unknown {
  try {
    store.collect();
    return failure;
  } catch (error) {
    // A full disk fails both. The next pull cleans up; why this one failed must not be lost.
    return new SuppressedError(error, failure);
  }
}

/** One pull under way. */
interface Job {
  readonly reference: Reference;
  readonly client: RegistryClient;
  readonly resolved: ResolvedImage;
  readonly store: ImageStore;
  /** As asked for. */
  readonly platform: Platform | undefined;
  readonly layerFormat: LayerFormat;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: PullListener;
  readonly onWarning: (message: string) => void;
}

async function pull(reference: Reference, options: PullOptions): Promise<Image> {
  const {
    store,
    platform,
    layerFormat = "directory",
    signal,
    patience,
    onProgress = () => undefined,
  } = options;
  const startedAt = performance.now();
  const onWarning = (message: string) => onProgress({ type: "warning", message });
  const credentials = await credentialsFor(reference, options, onWarning);
  const client = new RegistryClient(reference, { credentials, signal, onWarning, patience });
  const resolved = await resolveImage(client, reference, {
    platform: platform ?? hostPlatform(),
    blobs: store.blobs,
  });
  const job: Job = {
    reference,
    client,
    resolved,
    store,
    platform,
    layerFormat,
    signal,
    onProgress,
    onWarning,
  };
  const known =
    resolved.kind === "image"
      ? store.find(resolved.manifest.config.digest)
      : store.findManifest(resolved.manifestDigest);
  const { image, transferredBytes } = known === undefined ? await pullNew(job) : await keep(known, job);
  onProgress({
    type: "done",
    reference: formatReference(reference),
    digest: resolved.digest,
    imageID: image.id,
    transferredBytes,
    durationMs: performance.now() - startedAt,
  });
  return image;
}

interface Outcome {
  readonly image: Image;
  readonly transferredBytes: number;
}

/** The image is here: it gets the name. */
async function keep(known: Image, { reference, resolved, store, onProgress }: Job): Promise<Outcome> {
  onProgress({ type: "up-to-date", reference: formatReference(reference), digest: resolved.digest });
  await keepDocuments(resolved.documents, store);
  return { image: store.rename(known.id, reference, resolved.digest), transferredBytes: 0 };
}

async function pullNew(job: Job): Promise<Outcome> {
  const { reference, client, resolved, store, signal, onProgress, onWarning } = job;
  const early = await fetchConfig(client, resolved, store);
  if (early !== undefined) checkPlatform(early.config, job.platform, onWarning);
  const layers = planLayers(resolved, early?.config, store);
  tellResolved(job, layers);
  const keepsPartials = checkRoom(layers, store, onWarning);
  using staging = makeStaging(store.paths.staging);
  using sync = new BackgroundSync(staging.path, SYNC_PIECE_BYTES);
  const format = await usableFormat(job, staging.path);
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

/** The format that was asked for, unless this kernel cannot mount it. */
async function usableFormat({ layerFormat, onWarning }: Job, staging: string): Promise<LayerFormat> {
  if (layerFormat === "directory") return layerFormat;
  const { canMountImages } = await import("./erofs-probe.ts");
  if (canMountImages(staging)) return layerFormat;
  onWarning(
    "layers cannot be mounted as images here, by this kernel from this file system: layers are stored as directories",
  );
  return "directory";
}

function tellResolved({ reference, resolved, onProgress }: Job, plans: readonly LayerPlan[]): void {
  // The size of a layer of schema 1 is not known: -1.
  const layers = plans.map(({ descriptor: { digest, size } }) => ({ digest, sizeBytes: Math.max(size, 0) }));
  onProgress({
    type: "resolved",
    reference: formatReference(reference),
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

async function credentialsFor(
  reference: Reference,
  { login }: PullOptions,
  onWarning: (message: string) => void,
): Promise<Credentials | undefined> {
  return login === undefined ? findCredentials(reference, { onWarning }) : { kind: "password", ...login };
}

interface ConfigDocument {
  /** Its digest: the image's ID. */
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly config: ImageConfig;
}

/** The image's config; undefined for schema 1, which has none before its layers are unpacked. */
async function fetchConfig(
  client: RegistryClient,
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

/** An image of another platform than asked for is an error when the user asked, else a warning: it may run emulated. */
function checkPlatform(
  config: ImageConfig,
  wanted: Platform | undefined,
  onWarning: (message: string) => void,
): Platform {
  const host = hostPlatform();
  // Images of one layer and no metadata leave both out.
  const os = config.os === "" ? host.os : config.os;
  const architecture = config.architecture === "" ? host.architecture : config.architecture;
  const actual = normalize({ os, architecture, variant: config.variant });
  const target = wanted ?? host;
  if (actual.os === target.os && actual.architecture === target.architecture) return actual;
  const fact = `the image is for ${formatPlatform(actual)}`;
  if (wanted !== undefined) {
    throw new CurruntError("not-found", `${fact}, not for ${formatPlatform(wanted)}`, {
      hint: "it has no other platform: leave out -platform, or choose another image",
    });
  }
  onWarning(`${fact}, this machine is ${formatPlatform(host)}`);
  return actual;
}

/** The layers with what they have to unpack to, as far as that is known; bottom first. */
function planLayers(
  resolved: ResolvedImage,
  config: ImageConfig | undefined,
  store: ImageStore,
): LayerPlan[] {
  if (resolved.kind === "schema1") {
    return resolved.schema1.layers.map((digest) => ({
      descriptor: { mediaType: "", digest, size: -1 },
      diffID: store.diffIDOf(digest),
    }));
  }
  const { layers } = resolved.manifest;
  const diffIDs = config?.rootfs.diff_ids ?? [];
  if (diffIDs.length !== layers.length) {
    throw new CurruntError(
      "invalid",
      `read image config: it lists ${diffIDs.length} layers, the manifest ${layers.length}`,
      { hint: "the image was made by a faulty tool: its publisher has to rebuild it" },
    );
  }
  return layers.map((descriptor, index) => {
    const diffID = diffIDs[index] ?? "";
    if (!/^sha256:[a-f0-9]{64}$/.test(diffID)) {
      throw new CurruntError(
        "unsupported",
        `read image config: layer digest ${JSON.stringify(diffID)} is not a sha256`,
      );
    }
    return { descriptor, diffID };
  });
}
