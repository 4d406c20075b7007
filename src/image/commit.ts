/** Committing: an image and one more layer become a new image of the store. */
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { CurruntError, wrap } from "../base/error.ts";
import { BackgroundSync } from "../sys/background-sync.ts";
import { removeTree } from "../sys/directory.ts";
import { applyLayer } from "./apply.ts";
import type { Settings } from "./config-change.ts";
import { digestOf } from "./digest.ts";
import { leaseLayers } from "./garbage.ts";
import { documentsOf, isDockerManifest } from "./image-manifest.ts";
import type { Image } from "./image-row.ts";
import { archiveSize } from "./layer-archive.ts";
import type { LayerFormatChoice } from "./layer-format.ts";
import { usableFormat } from "./layer-format.ts";
import { addImage, encodeDocument } from "./made-image.ts";
import type { Descriptor } from "./manifest.ts";
import {
  DOCKER_CONFIG,
  DOCKER_LAYER,
  DOCKER_MANIFEST,
  OCI_CONFIG,
  OCI_LAYER,
  OCI_MANIFEST,
} from "./media-type.ts";
import { withoutLeftovers } from "./pull.ts";
import type { Reference } from "./reference.ts";
import { makeStaging } from "./staging.ts";
import type { ImageStore, StoredLayer } from "./store.ts";

export interface CommitOptions {
  readonly store: ImageStore;
  readonly base: Image;
  /** The archive of the new layer; a piece is used before the next is asked for. */
  readonly archive: Iterable<Uint8Array>;
  /** The new image's settings. */
  readonly settings: Settings;
  readonly author?: string | undefined;
  readonly message?: string | undefined;
  /** What made the layer, for the image's history. */
  readonly createdBy: string;
  /** The name of the new image; absent: it gets none. */
  readonly reference?: Reference | undefined;
  readonly layerFormat?: LayerFormatChoice | undefined;
}

/** Bytes of the layer that may wait in memory for the disk. */
const syncPieceBytes = 32 << 20;

/** Makes the image. When that fails, nothing is left behind. */
export async function commitImage(options: CommitOptions): Promise<Image> {
  const { store, base, reference } = options;
  // What a killed one left is removed before anything is added.
  store.collect();
  try {
    using _lease = leaseLayers(store.paths);
    using staging = makeStaging(store.paths.staging);
    using sync = new BackgroundSync(staging.path, syncPieceBytes);
    const { layer, archiveBytes } = await makeLayer(options, staging.path, sync);
    const config = encodeDocument(configOf(options, layer.diffID));
    const manifest = encodeDocument(
      manifestOf(store, base, { id: digestOf(config), sizeBytes: config.length }, { layer, archiveBytes }),
    );
    const { platform } = base;
    const layers = [...storedLayers(store, base), layer];
    const made = { config, manifest, reference, platform, layers };
    return await addImage(store, made, { staging: staging.path, sync });
  } catch (error) {
    throw withoutLeftovers(store, error);
  }
}

interface NewLayer {
  readonly layer: StoredLayer;
  /** Length of its archive. */
  readonly archiveBytes: number;
}

/** Unpacks the archive as a pulled layer is unpacked: what containers get to see is what the archive says. */
async function makeLayer(
  { store, archive, layerFormat = "directory" }: CommitOptions,
  staging: string,
  sync: BackgroundSync,
): Promise<NewLayer> {
  const [path, split] = [join(staging, "layer"), join(staging, "split")];
  const format = await usableFormat(layerFormat, staging);
  if (format === "directory") mkdirSync(path, { mode: 0o700 });
  let archiveBytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for (const piece of archive) {
      archiveBytes += piece.length;
      sync.wrote(piece.length);
      yield piece;
    }
  }
  const { diffID, sizeBytes, entries } = await applyLayer(counted(), {
    staging: path,
    split,
    format,
  });
  const layer = { id: diffID, diffID, blobDigest: undefined, sizeBytes, entries };
  if (!store.hasLayer(diffID)) place(store, diffID, path, split);
  return { layer, archiveBytes };
}

function place(store: ImageStore, id: string, path: string, split: string): void {
  try {
    // First: a layer that is in its place is complete.
    renameSync(split, store.splitPath(id));
    renameSync(path, store.layerPath(id));
  } catch (error) {
    // Somebody else was first: theirs is as good.
    if (!store.hasLayer(id)) throw error;
    removeTree(undefined, path);
  }
}

function storedLayers(store: ImageStore, { layers, config }: Image): StoredLayer[] {
  return layers.map((id, index) => {
    const diffID = config.rootfs.diff_ids?.[index] ?? "";
    return { id, diffID, blobDigest: undefined, ...(store.layer(id) ?? { sizeBytes: 0, entries: 0 }) };
  });
}

/** Of containers and builders that made the base; docker has long stopped to read them. */
const pastFields = [
  "container",
  "container_config",
  "id",
  "parent",
  "parent_id",
  "throwaway",
  "Size",
  "size",
];

/** The base's config with all that we do not know of in it. */
function configOf(options: CommitOptions, diffID: string): Record<string, unknown> {
  const { store, base, settings, author, message, createdBy } = options;
  const original = readDocument(store, base.id, "config");
  const created = new Date().toISOString();
  const document: Record<string, unknown> = { ...original };
  for (const field of pastFields) delete document[field];
  const step = {
    created,
    created_by: createdBy,
    ...(author === undefined ? {} : { author }),
    ...(message === undefined ? {} : { comment: message }),
  };
  const before = base.config.rootfs.diff_ids ?? [];
  return {
    ...document,
    created,
    ...(author === undefined ? {} : { author }),
    config: withoutEmpty({ ...objectIn(original, "config"), ...settings }),
    rootfs: { type: "layers", diff_ids: [...before, diffID] },
    history: [...listIn(original, "history"), step],
  };
}

function readDocument(store: ImageStore, digest: string, what: string): Record<string, unknown> {
  const bytes = store.blobs.read(digest);
  if (bytes === undefined) {
    throw new CurruntError("invalid", `the image's ${what} ${digest} is damaged or missing`, {
      hint: "pull the image anew",
    });
  }
  try {
    return objectIn({ document: JSON.parse(Buffer.from(bytes).toString()) as unknown }, "document");
  } catch (error) {
    throw wrap(error, `read the image's ${what}`);
  }
}

function objectIn(document: Record<string, unknown>, field: string): Record<string, unknown> {
  const value = document[field];
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

function listIn(document: Record<string, unknown>, field: string): unknown[] {
  const value = document[field];
  return Array.isArray(value) ? value : [];
}

/** Without members that say nothing. */
function withoutEmpty(object: Record<string, unknown>): Record<string, unknown> {
  const isEmpty = (value: unknown) =>
    value === null || value === undefined || (typeof value === "object" && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(object).filter(([, value]) => !isEmpty(value)));
}

/** The base's manifest with the new layer, uncompressed: compressing it is for whoever sends it. */
function manifestOf(
  store: ImageStore,
  base: Image,
  config: { readonly id: string; readonly sizeBytes: number },
  { layer, archiveBytes }: NewLayer,
): unknown {
  const { layers, docker } = layersOf(store, base);
  return {
    schemaVersion: 2,
    mediaType: docker ? DOCKER_MANIFEST : OCI_MANIFEST,
    config: { mediaType: docker ? DOCKER_CONFIG : OCI_CONFIG, digest: config.id, size: config.sizeBytes },
    layers: [
      ...layers,
      { mediaType: docker ? DOCKER_LAYER : OCI_LAYER, digest: layer.diffID, size: archiveBytes },
    ],
  };
}

/** The base's layers as its manifest has them; as plain archives when that has no sizes (schema 1). */
function layersOf(store: ImageStore, base: Image): { layers: readonly Descriptor[]; docker: boolean } {
  const { manifest } = documentsOf(store, base);
  if (manifest !== undefined) return { layers: manifest.content.layers, docker: isDockerManifest(manifest) };
  const diffIDs = base.config.rootfs.diff_ids ?? [];
  const layers = base.layers.map((id, index) => ({
    mediaType: OCI_LAYER,
    digest: diffIDs[index] ?? "",
    size: archiveSize(store, id),
  }));
  return { layers, docker: false };
}
