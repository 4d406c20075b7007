/** Saving: images of the store become an archive that docker, podman, skopeo, containerd and `load` read. */
import { CurruntError, wrap } from "../base/error.ts";
import { blobPath } from "./archive-files.ts";
import type { ArchiveWriter } from "./archive-writer.ts";
import { digestOf } from "./digest.ts";
import { leaseLayers } from "./garbage.ts";
import type { Image } from "./image-row.ts";
import { archiveSize, layerArchive } from "./layer-archive.ts";
import { DOCKER_LAYER, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from "./media-type.ts";
import { parseReference } from "./reference.ts";
import type { ImageStore } from "./store.ts";

export interface SaveOptions {
  readonly store: ImageStore;
  /** docker's list beside the OCI index: one archive for all readers. */
  readonly docker: boolean;
  readonly signal?: AbortSignal | undefined;
}

interface Blob {
  readonly digest: string;
  readonly size: number;
  readonly content: () => Iterable<Uint8Array>;
}

/** An image with what becomes of it in the archive. */
interface SavedImage {
  readonly image: Image;
  /** The names that it is saved with. */
  readonly names: readonly string[];
  readonly layers: readonly Blob[];
  readonly config: Blob;
  readonly manifest: Blob;
}

/**
 * Writes the images that `names` name to `writer`, as an OCI layout. Their IDs stay what they are; layers are not compressed, and
 * checked as they are written. An image that is named by its ID gets no name in it.
 */
export async function saveImages(
  names: readonly string[],
  writer: ArchiveWriter,
  options: SaveOptions,
): Promise<void> {
  const { store, docker, signal } = options;
  // What is saved must not be collected meanwhile.
  using _lease = leaseLayers(store.paths);
  const images = [...chosen(names, store)].map(([id, references]) =>
    prepare(store, store.get(id), references),
  );
  await put(writer, "oci-layout", { imageLayoutVersion: "1.0.0" });
  await put(writer, "index.json", indexOf(images));
  if (docker) await put(writer, "manifest.json", images.map(dockerEntry));
  const written = new Set<string>();
  for (const { manifest, config, layers } of images) {
    for (const { digest, size, content } of [manifest, config, ...layers]) {
      signal?.throwIfAborted();
      if (written.has(digest)) continue;
      written.add(digest);
      await writer.file(blobPath(digest), size, content());
    }
  }
  writer.finish();
}

/** Images by ID, each with the names that it was asked for by. */
function chosen(names: readonly string[], store: ImageStore): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const name of names) {
    const { image, references } = store.resolve(name);
    found.set(image.id, [...(found.get(image.id) ?? []), ...references]);
  }
  return found;
}

function prepare(store: ImageStore, image: Image, names: readonly string[]): SavedImage {
  try {
    const diffIDs = image.config.rootfs.diff_ids ?? [];
    const layers = image.layers.map((id, index): Blob => {
      const digest = diffIDs[index] ?? "";
      return { digest, size: archiveSize(store, id), content: () => layerArchive(store, id, digest) };
    });
    const config = documentOf(store, image.id);
    const manifest = manifestOf(config, layers);
    return { image, names: [...new Set(names)], layers, config, manifest };
  } catch (error) {
    throw wrap(error, `save image ${JSON.stringify(names[0] ?? image.id)}`);
  }
}

function documentOf(store: ImageStore, digest: string): Blob {
  const bytes = store.blobs.read(digest);
  if (bytes === undefined) {
    throw new CurruntError("invalid", `its config ${digest} is damaged or missing`, {
      hint: '"currunt system check -repair" removes what is broken; then get the image anew',
    });
  }
  return { digest, size: bytes.length, content: () => [bytes] };
}

function manifestOf(config: Blob, layers: readonly Blob[]): Blob {
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_CONFIG, digest: config.digest, size: config.size },
      layers: layers.map(({ digest, size }) => ({ mediaType: OCI_LAYER, digest, size })),
    }),
  );
  return { digest: digestOf(bytes), size: bytes.length, content: () => [bytes] };
}

/** An entry a name: containerd and docker read the one annotation, podman and skopeo the other. */
function indexOf(images: readonly SavedImage[]): unknown {
  const manifests = images.flatMap(({ image: { platform }, names, manifest: { digest, size } }) => {
    const entry = { mediaType: OCI_MANIFEST, digest, size, platform };
    if (names.length === 0) return [entry];
    return names.map((name) => ({
      ...entry,
      annotations: { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": name },
    }));
  });
  return { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
}

function dockerEntry({ names, config, layers }: SavedImage): unknown {
  return {
    Config: blobPath(config.digest),
    RepoTags: names.filter((name) => parseReference(name).digest === undefined),
    Layers: layers.map(({ digest }) => blobPath(digest)),
    LayerSources: Object.fromEntries(
      layers.map(({ digest, size }) => [digest, { mediaType: DOCKER_LAYER, size, digest }]),
    ),
  };
}

async function put(writer: ArchiveWriter, path: string, document: unknown): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(document));
  await writer.file(path, bytes.length, [bytes]);
}
