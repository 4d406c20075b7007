/** Importing: the archive of a file system becomes an image of one layer. */
import { O_RDONLY, S_IFDIR, S_IFMT } from "../../ffi/kernel.ts";
import { CurruntError, wrap } from "../base/error.ts";
import { randomHex } from "../base/random.ts";
import { BackgroundSync } from "../sys/background-sync.ts";
import type { Fd } from "../sys/fd.ts";
import { duplicate } from "../sys/fd.ts";
import { openat } from "../sys/file.ts";
import { statat } from "../sys/stat.ts";
import type { BlobStreamOptions } from "./blob-stream.ts";
import type { Settings } from "./config-change.ts";
import { digestOf } from "./digest.ts";
import { leaseLayers } from "./garbage.ts";
import type { Image } from "./image-row.ts";
import { forgetLayer } from "./kept-layer.ts";
import { archiveSize } from "./layer-archive.ts";
import type { LayerFormatChoice } from "./layer-format.ts";
import { usableFormat } from "./layer-format.ts";
import { pullLayers } from "./layer-pull.ts";
import { addImage, encodeDocument } from "./made-image.ts";
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from "./media-type.ts";
import { withRemedy } from "./open-archive.ts";
import type { Platform } from "./platform.ts";
import { hostPlatform } from "./platform.ts";
import type { PullListener } from "./progress.ts";
import { SYNC_PIECE_BYTES, withoutLeftovers } from "./pull.ts";
import type { Reference } from "./reference.ts";
import { formatReference } from "./reference.ts";
import { makeStaging } from "./staging.ts";
import type { ImageStore, StoredLayer } from "./store.ts";

export interface ImportOptions {
  readonly store: ImageStore;
  /** Absent: it gets no name. */
  readonly reference?: Reference | undefined;
  readonly settings: Settings;
  readonly message?: string | undefined;
  /** Absent: this machine's. */
  readonly platform?: Platform | undefined;
  readonly layerFormat?: LayerFormatChoice | undefined;
  readonly onProgress?: PullListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The archive that is imported: its bytes, how many if that is known, and what holds them open. */
interface Input extends Disposable {
  readonly stream: ReadableStream<Uint8Array>;
  readonly sizeBytes: number | undefined;
}

/**
 * Makes an image of the archive at `input` (a file, a URL, or "-" for standard input), compressed or not. When that fails, nothing is
 * left behind.
 */
export async function importImage(input: string, options: ImportOptions): Promise<Image> {
  const { store, signal } = options;
  store.collect();
  try {
    using _lease = leaseLayers(store.paths);
    using source = await openInput(input, signal);
    return await bring(input, source, options);
  } catch (error) {
    const failure =
      signal?.aborted === true
        ? signal.reason
        : wrap(withRemedy(error, "import -"), `import ${JSON.stringify(input)}`);
    throw withoutLeftovers(store, failure);
  }
}

async function bring(name: string, source: Input, options: ImportOptions): Promise<Image> {
  const { store, reference, settings, message, platform = hostPlatform() } = options;
  using staging = makeStaging(store.paths.staging);
  using sync = new BackgroundSync(staging.path, SYNC_PIECE_BYTES);
  const layer = await makeLayer(source, options, { staging: staging.path, sync });
  // Nobody comes back for it when this fails.
  forgetLayer(store.paths.ingest, layer.id);
  if (layer.entries === 0) throw new CurruntError("invalid", "it is no archive, or there is nothing in it");
  const created = new Date().toISOString();
  const config = encodeDocument({
    created,
    ...platform,
    config: settings,
    rootfs: { type: "layers", diff_ids: [layer.diffID] },
    history: [{ created, comment: message ?? `Imported from ${name}` }],
  });
  const manifest = encodeDocument({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, digest: digestOf(config), size: config.length },
    layers: [{ mediaType: OCI_LAYER, digest: layer.diffID, size: archiveSize(store, layer.id) }],
  });
  const made = { config, manifest, reference, platform, layers: [layer] };
  return await addImage(store, made, { staging: staging.path, sync });
}

/** By the way of a pulled layer whose digests nobody told. */
async function makeLayer(
  { stream, sizeBytes }: Input,
  { store, reference, layerFormat = "directory", onProgress = () => undefined, signal }: ImportOptions,
  { staging, sync }: { readonly staging: string; readonly sync: BackgroundSync },
): Promise<StoredLayer> {
  // Stands for the layer until it has a digest.
  const digest = `sha256:${randomHex(32)}`;
  const onWarning = (message: string) => onProgress({ type: "warning", message });
  const total = sizeBytes ?? 0;
  onProgress({
    type: "resolved",
    reference: reference === undefined ? "import" : formatReference(reference),
    digest,
    layers: [{ digest, sizeBytes: total }],
    totalBytes: total,
  });
  const plan = { descriptor: { mediaType: "", digest, size: sizeBytes ?? -1 }, diffID: undefined };
  const { stored } = await pullLayers([plan], {
    client: {
      isRemote: false,
      manifest: () => Promise.reject(new Error("unreachable: an import has no manifest")),
      blobBytes: () => Promise.reject(new Error("unreachable: an import has no blobs")),
      blob: (_, streaming) => counted(stream, streaming),
    },
    store,
    staging,
    keepsPartials: false,
    format: await usableFormat(layerFormat, staging, onWarning),
    sync,
    signal,
    onProgress,
  });
  const [layer] = stored;
  if (layer === undefined) throw new Error("unreachable: one layer was asked for");
  return { ...layer, blobDigest: undefined };
}

function counted(
  stream: ReadableStream<Uint8Array>,
  { onBytes, onError }: BlobStreamOptions = {},
): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  let doneBytes = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) return controller.close();
          doneBytes += value.length;
          onBytes?.(doneBytes);
          controller.enqueue(value);
        } catch (error) {
          onError?.(error);
          controller.error(error);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

async function openInput(input: string, signal: AbortSignal | undefined): Promise<Input> {
  if (/^https?:\/\//.test(input)) return await openUrl(input, signal);
  const file = input === "-" ? duplicate(0) : openat(undefined, input, O_RDONLY);
  const { mode, sizeBytes } = statat(file, "");
  if ((mode & S_IFMT) === S_IFDIR) {
    file.close();
    throw new CurruntError("invalid", "it is a directory", {
      hint: `pack it on the way: "tar -C ${input} -c . | currunt import -"`,
    });
  }
  return inputOf(file, sizeBytes);
}

function inputOf(file: Fd, sizeBytes: number): Input {
  return {
    stream: Bun.file(file.number).stream(),
    // Pipes have none.
    sizeBytes: sizeBytes === 0 ? undefined : sizeBytes,
    [Symbol.dispose]: () => file.close(),
  };
}

async function openUrl(url: string, signal: AbortSignal | undefined): Promise<Input> {
  const response = await fetch(url, { decompress: false, ...(signal === undefined ? {} : { signal }) });
  if (!response.ok || response.body === null) {
    throw new CurruntError("unavailable", `the server answered ${response.status} ${response.statusText}`);
  }
  const length = Number(response.headers.get("content-length") ?? Number.NaN);
  return {
    stream: response.body,
    sizeBytes: Number.isNaN(length) ? undefined : length,
    [Symbol.dispose]: () => undefined,
  };
}
