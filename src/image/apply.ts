/** One pass over a layer blob: decompress and hash, parse and write on the calling thread. */
import { CurruntError } from "../base/error.ts";
import type { DecompressOptions } from "./decompress.ts";
import { decompress } from "./decompress.ts";
import type { Algorithm } from "./digest.ts";
import type { LayerGaps } from "./layer.ts";
import { LayerWriter } from "./layer.ts";
import type { OverlayNamespace } from "./layer-attribute.ts";
import type { LayerFormat, LayerTarget } from "./layer-target.ts";
import type { Sink } from "./sink.ts";
import { defaultTarLimits, TarParser } from "./tar.ts";
import type { TarSplitWriter } from "./tar-split.ts";

export interface UnpackLimits {
  /** Entries of the archive; 10 million unless told. */
  readonly entries: number;
  /** Bytes of the decompressed archive; unlimited unless told. */
  readonly sizeBytes: number;
}

export interface UnpackProgress {
  /** Bytes that came out of the compressed stream so far. */
  readonly uncompressedBytes: number;
  readonly entries: number;
}

/** Its gaps are those that the archive left: they are filled when `lowers` was given. */
export interface UnpackedLayer extends LayerGaps {
  /** Digest of the whole decompressed stream. */
  readonly diffID: string;
  /** Bytes of file content written. */
  readonly sizeBytes: number;
  readonly entries: number;
  /** What could not be kept, for the user: an attribute that the file system does not take … */
  readonly warnings: readonly string[];
}

/** The layers below, top first; asked for once the whole archive was read, and only when it leaves gaps. */
export type Lowers = () => Promise<readonly string[]>;

export interface ApplyOptions {
  /** An existing, empty directory; for an image a path where nothing is. */
  readonly staging: string;
  /** "directory" unless told. */
  readonly format?: LayerFormat | undefined;
  readonly limits?: Partial<UnpackLimits> | undefined;
  readonly namespace?: OverlayNamespace | undefined;
  /** Where the archive's tar-split goes; absent: none is kept. */
  readonly split?: string | undefined;
  /** Of the diff ID; sha256 unless told. */
  readonly algorithm?: Algorithm | undefined;
  /** Absent: gaps are left, as there were no layers below. */
  readonly lowers?: Lowers | undefined;
  /** Called about once a MiB, synchronously. */
  readonly onProgress?: ((progress: UnpackProgress) => void) | undefined;
}

/** Reads a layer's blob to its end and gives what it decompresses to, as `decompress` does. */
export type LayerReader = (sink: Sink, options: DecompressOptions) => Promise<string | undefined>;

/** Unpacks `source` into `staging`, reading it to its end. What a failure leaves in `staging` is the caller's to remove. */
export function applyLayer(source: AsyncIterable<Uint8Array>, options: ApplyOptions): Promise<UnpackedLayer> {
  return applyFrom((sink, chosen) => decompress(source, sink, chosen), options);
}

/** As `applyLayer`, for a blob that `read` has. */
export async function applyFrom(read: LayerReader, options: ApplyOptions): Promise<UnpackedLayer> {
  const { limits = {}, namespace = "trusted", algorithm = "sha256", lowers, onProgress } = options;
  const { sizeBytes: sizeLimit = Number.POSITIVE_INFINITY, entries = defaultTarLimits.entries } = limits;
  const warnings = new Set<string>();
  const warn = (message: string) => void warnings.add(message);
  using writer = new LayerWriter(await openTarget(options, warn), warn);
  using split = await openSplit(options.split, writer);
  const parser = new TarParser(split ?? writer, { ...defaultTarLimits, entries });
  const push = (bytes: Buffer) => parser.push(bytes);
  let uncompressedBytes = 0;
  const take = (bytes: Buffer) => {
    uncompressedBytes += bytes.length;
    if (uncompressedBytes > sizeLimit) {
      throw new CurruntError("invalid", `the layer is larger than ${sizeLimit} bytes when decompressed`, {
        hint: "allow more if you trust the image",
      });
    }
    if (split === undefined) parser.push(bytes);
    else split.take(bytes, push);
    onProgress?.({ uncompressedBytes, entries: parser.entries });
  };
  const diffID = (await read(take, { algorithm })) ?? "";
  parser.end();
  split?.finish();
  const gaps = writer.settle();
  if (lowers !== undefined && hasGaps(gaps)) {
    const { fillGaps } = await import("./layer-finish.ts");
    fillGaps(writer.tree, gaps, await lowers(), namespace);
  }
  writer.finish();
  return {
    diffID,
    entries: parser.entries,
    sizeBytes: writer.sizeBytes,
    warnings: [...warnings],
    ...gaps,
  };
}

/** Loads what the format needs, no more. */
async function openTarget(
  { staging: path, format, namespace = "trusted" }: ApplyOptions,
  warn: (message: string) => void,
): Promise<LayerTarget> {
  if (format === "erofs") {
    const { ErofsLayer } = await import("./erofs-layer.ts");
    return new ErofsLayer({ path, namespace, warn });
  }
  const { LayerDirectory } = await import("./layer-directory.ts");
  return new LayerDirectory({ path, namespace, warn });
}

async function openSplit(path: string | undefined, writer: LayerWriter): Promise<TarSplitWriter | undefined> {
  if (path === undefined) return undefined;
  const { TarSplitWriter } = await import("./tar-split.ts");
  return new TarSplitWriter(writer, path);
}

function hasGaps({ implicitDirectories, foreignLinks }: LayerGaps): boolean {
  return implicitDirectories.length > 0 || foreignLinks.length > 0;
}
