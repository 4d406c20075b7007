/** Brings one layer of an image to a repository: as it is there already, from a neighbour, or compressed anew and sent. */
import { O_CREAT, O_EXCL, O_RDWR } from "../../ffi/kernel.ts";
import type { Fd } from "../sys/fd.ts";
import { openat, preadSome, unlinkat } from "../sys/file.ts";
import type { LayerCompression } from "./compress.ts";
import { compressInto } from "./compress.ts";
import { sniffCompression } from "./decompress.ts";
import { layerArchive } from "./layer-archive.ts";
import type { ManifestFormat } from "./layer-type.ts";
import { compressionOf, isForeignType, layerType } from "./layer-type.ts";
import type { Descriptor } from "./manifest.ts";
import type { PushListener } from "./push-progress.ts";
import type { RegistryClient } from "./registry.ts";
import type { ImageStore } from "./store.ts";
import { discard } from "./transport.ts";
import type { OutgoingBlob } from "./upload.ts";
import { mountBlob, sizeOfRemoteBlob, uploadBlob } from "./upload.ts";

export interface LayerJob {
  readonly client: RegistryClient;
  readonly store: ImageStore;
  /** Directory for what is compressed and not yet sent. */
  readonly staging: string;
  /** Of the layer in the store. */
  readonly id: string;
  readonly diffID: string;
  /** As the image came; undefined: it came without. */
  readonly original: Descriptor | undefined;
  /** Repositories of the same registry that may have it. */
  readonly neighbours: readonly string[];
  readonly format: ManifestFormat;
  readonly compression: LayerCompression;
  /** Only blobs of that compression will do. */
  readonly strict: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: PushListener;
}

/** Resolves to the layer as the repository has it. */
export async function pushLayer(job: LayerJob): Promise<Descriptor> {
  const { original, diffID, onProgress } = job;
  const found = (await findOriginal(job)) ?? (await findOther(job));
  if (found !== undefined) {
    onProgress({ type: "layer-exists", digest: diffID });
    return found;
  }
  // Others may only be had from where they are (image-spec, "Non-Distributable Layers").
  if (original !== undefined && isForeignType(original.mediaType) && (original.urls?.length ?? 0) > 0)
    return original;
  return await sendLayer(job);
}

/** The very blob that the image came with. */
async function findOriginal(job: LayerJob): Promise<Descriptor | undefined> {
  const { client, original, neighbours } = job;
  if (original === undefined || !fits(job, compressionOf(original.mediaType))) return undefined;
  const { digest } = original;
  if ((await sizeOfRemoteBlob(client, digest)) !== undefined) return original;
  for (const from of neighbours) if (await mountBlob(client, digest, from)) return original;
  return undefined;
}

/** Another blob that unpacks to the same, from an earlier push or pull. */
async function findOther(job: LayerJob): Promise<Descriptor | undefined> {
  const { client, store, original, diffID, format } = job;
  for (const digest of store.blobsOf(diffID)) {
    if (digest === original?.digest) continue;
    const size = await sizeOfRemoteBlob(client, digest);
    if (size === undefined) continue;
    const actual = await compressionOfBlob(client, digest);
    if (actual !== undefined && fits(job, actual))
      return { mediaType: layerType(format, actual), digest, size };
  }
  return undefined;
}

/** Whether a blob that is compressed so will do: docker's manifests know no zstd. */
function fits({ strict, compression, format }: LayerJob, actual: LayerCompression | "none"): boolean {
  return strict ? actual === compression : actual !== "zstd" || format === "oci";
}

/** How a blob of the repository is compressed, by its first bytes; undefined when it does not give them. */
async function compressionOfBlob(
  client: RegistryClient,
  digest: string,
): Promise<LayerCompression | "none" | undefined> {
  const { response } = await client.request(`blobs/${digest}`, { headers: { range: "bytes=0-15" } });
  const reader = response.ok ? response.body?.getReader() : undefined;
  const start = (await reader?.read())?.value;
  await (reader?.cancel().catch(() => undefined) ?? discard(response));
  return start === undefined ? undefined : sniffCompression(start);
}

async function sendLayer(job: LayerJob): Promise<Descriptor> {
  const { client, store, staging, id, diffID, format, compression, signal, onProgress } = job;
  onProgress({ type: "layer-compress", digest: diffID });
  using file = openScratch(`${staging}/${diffID.slice(diffID.indexOf(":") + 1)}`);
  const { digest, sizeBytes } = await compressInto(
    file,
    layerArchive(store, id, diffID),
    compression,
    signal,
  );
  const descriptor = { mediaType: layerType(format, compression), digest, size: sizeBytes };
  store.rememberBlob(digest, diffID);
  if ((await sizeOfRemoteBlob(client, digest)) !== undefined) {
    onProgress({ type: "layer-exists", digest: diffID });
    return descriptor;
  }
  const onBytes = (doneBytes: number) =>
    onProgress({ type: "layer-progress", digest: diffID, doneBytes, totalBytes: sizeBytes });
  await uploadBlob(client, blobOfFile(file, digest, sizeBytes), { signal, onBytes });
  onProgress({ type: "layer-done", digest: diffID });
  return descriptor;
}

/** A file that has lost its name already: it is gone whenever this process ends. */
function openScratch(path: string): Fd {
  const file = openat(undefined, path, O_RDWR | O_CREAT | O_EXCL, 0o600);
  unlinkat(undefined, path);
  return file;
}

const pieceBytes = 1 << 18;

function blobOfFile(file: Fd, digest: string, sizeBytes: number): OutgoingBlob {
  return {
    digest,
    sizeBytes,
    open(offset, length) {
      let at = offset;
      const end = offset + length;
      return new ReadableStream<Uint8Array>(
        {
          pull(stream) {
            const piece = new Uint8Array(Math.min(pieceBytes, end - at));
            const read = piece.length === 0 ? 0 : preadSome(file, piece, at);
            at += read;
            if (read > 0) stream.enqueue(piece.subarray(0, read));
            if (at === end || read === 0) stream.close();
          },
        },
        { highWaterMark: 0 },
      );
    },
  };
}
