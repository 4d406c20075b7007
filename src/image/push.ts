/** Pushing: an image of the store becomes an image of a registry, and as little as possible is sent. */
import { CurruntError, wrap } from "../base/error.ts";
import { pushScope } from "./auth.ts";
import type { LayerCompression } from "./compress.ts";
import { digestOf, isDigest } from "./digest.ts";
import { leaseLayers } from "./garbage.ts";
import type { ImageDocuments, ManifestDocument } from "./image-manifest.ts";
import { documentsOf, isDockerManifest } from "./image-manifest.ts";
import type { Image } from "./image-row.ts";
import type { ManifestFormat } from "./layer-type.ts";
import { withFormat } from "./layer-type.ts";
import type { Descriptor } from "./manifest.ts";
import {
  DOCKER_CONFIG,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_MANIFEST,
} from "./media-type.ts";
import type { Access } from "./open-source.ts";
import { openRegistry } from "./open-source.ts";
import { pushLayer } from "./push-layer.ts";
import type { PushListener } from "./push-progress.ts";
import { neighboursOf, targetOf } from "./push-target.ts";
import type { Reference } from "./reference.ts";
import { formatReference, parseReference } from "./reference.ts";
import type { RegistryClient } from "./registry.ts";
import { bytesBody } from "./request-body.ts";
import { makeStaging } from "./staging.ts";
import type { ImageStore } from "./store.ts";
import { discard } from "./transport.ts";
import { sizeOfRemoteBlob, uploadBlob } from "./upload.ts";

export interface PushOptions extends Access {
  readonly store: ImageStore;
  /** How layers are compressed that the registry does not have; given, none will do that is compressed otherwise. */
  readonly compression?: LayerCompression | undefined;
  /** Absent: the image's own. */
  readonly format?: ManifestFormat | undefined;
  readonly onProgress?: PushListener | undefined;
}

/** Layers on their way at once: compressing one keeps all cores busy, sending one the line. */
const parallelLayers = 3;

/**
 * Pushes the image `name` to where `destination` names, or its own name. Its ID stays what it is; its manifest too when the registry has or
 * can get all layers as they once came. Resolves to the digest of what the name stands for there.
 */
export async function pushImage(
  name: string,
  destination: string | undefined,
  options: PushOptions,
): Promise<string> {
  const { store, signal } = options;
  // What a killed one left is removed; what is sent must not be collected meanwhile.
  store.collect();
  using _lease = leaseLayers(store.paths);
  const image = store.get(name);
  const target = targetOf(name, destination, image);
  const action = `push ${JSON.stringify(name)} to ${JSON.stringify(formatReference(target))}`;
  // The first failure ends all that is under way.
  const stop = new AbortController();
  const ends = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  try {
    const neighbours = neighboursOf(store, image, target);
    const onWarning = (message: string) => options.onProgress?.({ type: "warning", message });
    const scope = pushScope(target.repository, [...new Set([...neighbours.values()].flat())]);
    const client = await openRegistry(target, { ...options, signal: ends, scope, onWarning });
    return await new Push(
      { image, name, target, client, neighbours, stop },
      { ...options, signal: ends },
    ).run();
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : wrap(error, action);
  }
}

interface Job {
  readonly image: Image;
  /** As the user wrote it. */
  readonly name: string;
  readonly target: Reference;
  readonly client: RegistryClient;
  readonly neighbours: ReadonlyMap<string, readonly string[]>;
  /** Ends all that is under way. */
  readonly stop: AbortController;
}

class Push {
  readonly #image: Image;
  readonly #target: Reference;
  readonly #client: RegistryClient;
  readonly #neighbours: ReadonlyMap<string, readonly string[]>;
  readonly #stop: AbortController;
  readonly #options: PushOptions;
  readonly #original: ImageDocuments;
  readonly #format: ManifestFormat;

  constructor({ image, name, target, client, neighbours, stop }: Job, options: PushOptions) {
    this.#image = image;
    this.#target = target;
    this.#client = client;
    this.#neighbours = neighbours;
    this.#stop = stop;
    this.#options = options;
    this.#original = documentsOf(options.store, image, digestOfName(image, name));
    const { manifest } = this.#original;
    this.#format =
      options.format ?? (manifest !== undefined && isDockerManifest(manifest) ? "docker" : "oci");
    if (this.#format === "docker" && options.compression === "zstd") {
      throw new CurruntError("invalid", "docker's manifests know no layers compressed with zstd", {
        hint: "add -format oci",
      });
    }
  }

  async run(): Promise<string> {
    const startedAt = performance.now();
    const { store, onProgress } = this.#options;
    using staging = makeStaging(store.paths.staging);
    const layers = await this.#pushLayers(staging.path);
    const config = await this.#pushConfig();
    const manifest = this.#manifest(config, layers);
    const digest = await this.#put(this.#target.tag ?? "latest", await this.#choose(manifest));
    const reference = formatReference(this.#target);
    onProgress?.({ type: "done", reference, digest, durationMs: performance.now() - startedAt });
    return digest;
  }

  async #pushLayers(staging: string): Promise<Descriptor[]> {
    const { store, compression, signal, onProgress = () => undefined } = this.#options;
    const diffIDs = this.#image.config.rootfs.diff_ids ?? [];
    const layers = this.#image.layers.map((id, index) => ({
      id,
      diffID: diffIDs[index] ?? "",
      original: this.#original.manifest?.content.layers[index],
    }));
    // Images list the same layer several times: empty ones, mostly.
    const queue = [...new Map(layers.map((layer) => [layer.diffID, layer])).values()];
    const pushed = new Map<string, Descriptor>();
    const shared = {
      client: this.#client,
      store,
      staging,
      format: this.#format,
      compression: compression ?? "gzip",
      strict: compression !== undefined,
      signal,
      onProgress,
    };
    const work = async () => {
      for (let layer = queue.shift(); layer !== undefined; layer = queue.shift()) {
        signal?.throwIfAborted();
        pushed.set(
          layer.diffID,
          await pushLayer({ ...layer, ...shared, neighbours: this.#neighbours.get(layer.id) ?? [] }),
        );
      }
    };
    // The first failure is the cause of the others, and all have stopped before the scratch directory goes.
    const workers = Array.from({ length: parallelLayers }, () =>
      work().catch((error: unknown) => this.#stop.abort(error)),
    );
    await Promise.all(workers);
    signal?.throwIfAborted();
    return layers.flatMap(({ diffID }) => pushed.get(diffID) ?? []);
  }

  async #pushConfig(): Promise<Descriptor> {
    const { store, signal } = this.#options;
    const { id } = this.#image;
    const bytes = store.blobs.read(id);
    if (bytes === undefined) {
      throw new CurruntError("invalid", `the image's config ${id} is damaged or missing`, {
        hint: "get the image anew",
      });
    }
    if ((await sizeOfRemoteBlob(this.#client, id)) === undefined) {
      const open = (offset: number, length: number) =>
        bytesBody(bytes.subarray(offset, offset + length)).open();
      await uploadBlob(this.#client, { digest: id, sizeBytes: bytes.length, open }, { signal });
    }
    return {
      mediaType: this.#format === "docker" ? DOCKER_CONFIG : OCI_CONFIG,
      digest: id,
      size: bytes.length,
    };
  }

  /** The manifest as it once came, when it still says what the registry has; else a new one. */
  #manifest(config: Descriptor, layers: readonly Descriptor[]): ManifestDocument {
    const { manifest: original } = this.#original;
    const mediaType = this.#format === "docker" ? DOCKER_MANIFEST : OCI_MANIFEST;
    const same = original?.content.layers.every(({ digest }, index) => digest === layers[index]?.digest);
    if (original !== undefined && same === true && original.mediaType === mediaType) return original;
    const annotations = this.#format === "docker" ? undefined : original?.content.annotations;
    const document = {
      schemaVersion: 2,
      mediaType,
      config,
      layers: layers.map((layer) => withFormat(layer, this.#format)),
      ...(annotations === undefined || annotations === null ? {} : { annotations }),
    };
    const bytes = Buffer.from(JSON.stringify(document));
    return { mediaType, digest: digestOf(bytes), bytes };
  }

  /** What the tag is to stand for: the index that the image came from, if all images of that are there, or the image alone. */
  async #choose(manifest: ManifestDocument): Promise<ManifestDocument> {
    const { index } = this.#original;
    if (index === undefined) return manifest;
    if (index.entries.includes(manifest.digest)) {
      // The index names it by its digest: so it has to be there first.
      await this.#put(manifest.digest, manifest);
      if (await this.#hasAll(index.entries)) return index;
    }
    const { os, architecture } = this.#image.platform;
    const message = `only the image for ${os}/${architecture} is pushed: those for other platforms are not here`;
    this.#options.onProgress?.({ type: "warning", message });
    return manifest;
  }

  async #hasAll(digests: readonly string[]): Promise<boolean> {
    const accept = [OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST].join(", ");
    for (const digest of digests) {
      const { response } = await this.#client.request(`manifests/${digest}`, {
        method: "HEAD",
        headers: { accept },
      });
      await discard(response);
      if (!response.ok) return false;
    }
    return true;
  }

  /** Gives a manifest to the registry, under a tag or its digest; the digest that the registry has it by. */
  async #put(tagOrDigest: string, { mediaType, digest, bytes }: ManifestDocument): Promise<string> {
    const { response } = await this.#client.request(`manifests/${tagOrDigest}`, {
      method: "PUT",
      headers: { "content-type": mediaType },
      body: bytesBody(bytes),
    });
    const action = `send the manifest ${digest}`;
    if (!response.ok) throw await this.#client.refusal(response, action);
    await discard(response);
    const told = response.headers.get("docker-content-digest") ?? "";
    if (!isDigest(told) || told === digest || !told.startsWith("sha256:")) return digest;
    throw new CurruntError("unavailable", `${action}: the registry has stored ${told}`, {
      hint: "something on the way changes what is sent: try again, or without a proxy",
    });
  }
}

/** What the image's name stands for: an index, or a manifest; undefined for an ID. */
function digestOfName({ references, referenceDigests }: Image, name: string): string | undefined {
  const known = references.findIndex((reference) => isSame(reference, name));
  return referenceDigests[Math.max(0, known)];
}

function isSame(reference: string, name: string): boolean {
  try {
    return formatReference(parseReference(name)) === reference;
  } catch {
    // It was an ID.
    return false;
  }
}
