/** One layer's blob on its way into a staging directory: fetched, or taken up where it was cut, checked and unpacked in one pass. */
import { CurruntError } from "../base/error.ts";
import type { BackgroundSync } from "../sys/background-sync.ts";
import { removeTree } from "../sys/directory.ts";
import type { Lowers, UnpackedLayer } from "./apply.ts";
import type { Algorithm } from "./digest.ts";
import { DigestError, parseDigest } from "./digest.ts";
import type { ImageSource } from "./image-source.ts";
import type { LayerFormat } from "./layer-target.ts";
import type { Descriptor } from "./manifest.ts";
import { PartialBlob } from "./partial.ts";
import type { PullListener } from "./progress.ts";
import type { ImageStore } from "./store.ts";
import { unpackLayer } from "./unpack.ts";

/** One layer of the image, bottom first in a list of them. */
export interface LayerPlan {
  readonly descriptor: Descriptor;
  /** What the config says the unpacked layer's digest is; undefined when there is no config yet (schema 1). */
  readonly diffID: string | undefined;
}

export interface LayerPullContext {
  readonly client: ImageSource;
  readonly store: ImageStore;
  /** Directory of this pull for what is not complete. */
  readonly staging: string;
  /** How layers are stored. */
  readonly format: LayerFormat;
  /** Whether the disk has room for the blobs beside what they unpack to. */
  readonly keepsPartials: boolean;
  /** Is told what is written, so that it reaches the disk early. */
  readonly sync: BackgroundSync;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: PullListener;
}

/** A smaller blob comes again in less time than its start is looked for. */
const WORTH_KEEPING_BYTES = 64 << 10;

export interface TransferOptions {
  /** As for `unpackLayer`. */
  readonly staging: string;
  readonly lowers: Lowers;
}

export interface TransferredLayer extends UnpackedLayer {
  /** Bytes of the blob that came over the network now. */
  readonly transferredBytes: number;
}

/** Brings the layer of `plan` into `staging`, complete and checked. When it rejects, `staging` is gone and what came is kept. */
export async function transferLayer(
  { descriptor, diffID }: LayerPlan,
  context: LayerPullContext,
  options: TransferOptions,
): Promise<TransferredLayer> {
  const algorithm = diffID === undefined ? undefined : parseDigest(diffID).algorithm;
  const layer = await fetchAndUnpack(descriptor, context, { ...options, algorithm });
  if (diffID === undefined || layer.diffID === diffID) return layer;
  removeTree(undefined, options.staging);
  throw new CurruntError(
    "invalid",
    `unpack layer ${descriptor.digest}: it is not what the image config says (${diffID})`,
    {
      hint: "the image was made by a faulty tool, or somebody changed it: do not use it",
    },
  );
}

async function fetchAndUnpack(
  descriptor: Descriptor,
  context: LayerPullContext,
  options: UnpackingOptions,
): Promise<TransferredLayer> {
  const { digest, size } = descriptor;
  const { store, keepsPartials, onProgress } = context;
  for (let attempt = 1; ; attempt++) {
    onProgress({ type: "layer-start", digest, totalBytes: size < 0 ? undefined : size });
    using partial = openPartial(store.paths.ingest, descriptor, keepsPartials);
    const keptBytes = partial?.sizeBytes ?? 0;
    let resumed = keptBytes > 0;
    if (resumed) onProgress({ type: "layer-resume", digest, keptBytes });
    const onRestart = () => {
      resumed = true;
    };
    try {
      const { layer, arrivedBytes } = await attemptTransfer(descriptor, context, {
        ...options,
        partial,
        onRestart,
      });
      return { ...layer, transferredBytes: arrivedBytes - keptBytes };
    } catch (error) {
      if (!isWrongContent(error)) throw error;
      partial?.remove();
      // Two halves of different answers, or a start that a power cut spoiled: once more in one go.
      if (!resumed || attempt > 1) throw error;
      onProgress({ type: "layer-progress", digest, doneBytes: 0 });
    }
  }
}

function openPartial(ingest: string, { digest, size }: Descriptor, keeps: boolean): PartialBlob | undefined {
  if (size >= 0 && size < WORTH_KEEPING_BYTES) return undefined;
  const partial = PartialBlob.open(ingest, digest);
  // What is there already is used in any case.
  if (keeps || partial === undefined || partial.sizeBytes > 0) return partial;
  partial.remove();
  return undefined;
}

interface UnpackingOptions extends TransferOptions {
  /** Of the diff ID. */
  readonly algorithm: Algorithm | undefined;
}

interface AttemptOptions extends UnpackingOptions {
  readonly partial: PartialBlob | undefined;
  /** Called when the transfer was cut and is taken up again. */
  readonly onRestart: () => void;
}

async function attemptTransfer(
  descriptor: Descriptor,
  { client, format, signal, onProgress, sync }: LayerPullContext,
  { staging, lowers, algorithm, partial, onRestart }: AttemptOptions,
): Promise<{ layer: UnpackedLayer; arrivedBytes: number }> {
  const { digest, size, mediaType } = descriptor;
  let [arrivedBytes, written] = [0, 0];
  let streamError: unknown;
  const stream = client.blob(descriptor, {
    signal,
    partial,
    onRestart,
    onError: (error) => {
      streamError = error;
    },
    onBytes: (doneBytes) => {
      arrivedBytes = doneBytes;
      onProgress({ type: "layer-progress", digest, doneBytes });
    },
  });
  try {
    const layer = await unpackLayer(stream, {
      name: digest,
      staging,
      split: splitOf(staging),
      format,
      algorithm,
      mediaType,
      sizeBytes: size < 0 ? undefined : size,
      lowers,
      signal,
      onProgress: ({ uncompressedBytes }) => {
        onProgress({ type: "layer-unpack", digest, unpackedBytes: uncompressedBytes });
        sync.wrote(uncompressedBytes - written, format === "erofs" ? staging : undefined);
        written = uncompressedBytes;
      },
    });
    return { layer, arrivedBytes };
  } catch (error) {
    removeTree(undefined, staging);
    // The archive breaks where the stream does: the stream's error says why.
    throw streamError ?? error;
  }
}

/** Where the tar-split of a layer goes that is unpacked to `staging`. */
export function splitOf(staging: string): string {
  return `${staging}.split`;
}

/** Whether the bytes themselves were at fault: not the network, not this machine. */
function isWrongContent(error: unknown): boolean {
  return error instanceof DigestError || (error instanceof CurruntError && error.kind === "invalid");
}
