/** One pass over a layer blob on the calling thread: decompress, hash, parse, write. */
import { CurruntError } from "../base/error.ts";
import { decompress } from "./decompress.ts";
import type { LayerGaps } from "./layer.ts";
import { LayerWriter } from "./layer.ts";
import type { OverlayNamespace } from "./layer-attribute.ts";
import type { LayerFormat, LayerTarget } from "./layer-target.ts";
import { defaultTarLimits, TarParser } from "./tar.ts";

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
  /** "sha256:…" of the whole decompressed stream. */
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
  /** Absent: gaps are left, as there were no layers below. */
  readonly lowers?: Lowers | undefined;
  /** Called about once a MiB, synchronously. */
  readonly onProgress?: ((progress: UnpackProgress) => void) | undefined;
}

/** Unpacks `source` into `staging`, reading it to its end. What a failure leaves in `staging` is the caller's to remove. */
export async function applyLayer(
  source: AsyncIterable<Uint8Array>,
  options: ApplyOptions,
): Promise<UnpackedLayer> {
  const { limits = {}, namespace = "trusted", lowers, onProgress } = options;
  const { sizeBytes: sizeLimit = Number.POSITIVE_INFINITY, entries = defaultTarLimits.entries } = limits;
  const warnings = new Set<string>();
  const warn = (message: string) => void warnings.add(message);
  using writer = new LayerWriter(await openTarget(options, warn), warn);
  const parser = new TarParser(writer, { ...defaultTarLimits, entries });
  const hash = new Bun.CryptoHasher("sha256");
  let uncompressedBytes = 0;
  await decompress(source, (bytes) => {
    uncompressedBytes += bytes.length;
    if (uncompressedBytes > sizeLimit) {
      throw new CurruntError("invalid", `the layer is larger than ${sizeLimit} bytes when decompressed`, {
        hint: "allow more if you trust the image",
      });
    }
    hash.update(bytes);
    parser.push(bytes);
    onProgress?.({ uncompressedBytes, entries: parser.entries });
  });
  parser.end();
  const gaps = writer.settle();
  if (lowers !== undefined && hasGaps(gaps)) {
    const { fillGaps } = await import("./layer-finish.ts");
    fillGaps(writer.tree, gaps, await lowers(), namespace);
  }
  writer.finish();
  return {
    diffID: `sha256:${hash.digest("hex")}`,
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

function hasGaps({ implicitDirectories, foreignLinks }: LayerGaps): boolean {
  return implicitDirectories.length > 0 || foreignLinks.length > 0;
}
