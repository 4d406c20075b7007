/** The archive that a stored layer was unpacked from, made again from its files and its tar-split. */
import { O_NOFOLLOW, O_RDONLY } from "../../ffi/kernel.ts";
import { CurruntError, wrap } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { openat, openDirectory, openInRoot, preadSome, readSome } from "../sys/file.ts";
import { isThere } from "../sys/stat.ts";
import { parseDigest } from "./digest.ts";
import { openLayer } from "./layer-mount.ts";
import { cleanPath } from "./layer-path.ts";
import type { ImageStore } from "./store.ts";
import { bytesOf, showBytes } from "./tar-header.ts";
import type { SplitPart } from "./tar-split.ts";
import { readSplit } from "./tar-split.ts";

const pieceBytes = 1 << 20;

/** Whether the layer's archive can be made again: not when it came before splits were kept. */
export function hasArchive(store: ImageStore, layer: string): boolean {
  return isThere(undefined, store.splitPath(layer));
}

/**
 * The archive of the layer `id`, uncompressed; its digest is `diffID`, or the last step throws. A piece is valid until the
 * next is asked for.
 */
export function* layerArchive(store: ImageStore, id: string, diffID: string): Generator<Uint8Array> {
  const { algorithm } = parseDigest(diffID);
  const hash = new Bun.CryptoHasher(algorithm);
  try {
    using split = openSplit(store, id);
    using layer = openLayer(store.layerPath(id), "trusted");
    using root = openDirectory(layer.path);
    const buffer = Buffer.allocUnsafe(pieceBytes);
    for (const part of readSplit(framesOf(split))) {
      for (const piece of part.kind === "bytes" ? [part.bytes] : readFile(root, part, buffer)) {
        hash.update(piece);
        yield piece;
      }
    }
  } catch (error) {
    throw wrap(error, `make the archive of layer ${diffID}`);
  }
  const actual = `${algorithm}:${hash.digest("hex")}`;
  if (actual === diffID) return;
  throw new CurruntError("invalid", `make the archive of layer ${diffID}: it became ${actual}`, {
    hint: 'its files have changed, or it has files twice: "currunt system check" tells which; remove the image and get it anew',
  });
}

/** How many bytes `layerArchive` will give. */
export function archiveSize(store: ImageStore, id: string): number {
  try {
    using split = openSplit(store, id);
    let total = 0;
    for (const part of readSplit(framesOf(split))) total += partBytes(part);
    return total;
  } catch (error) {
    throw wrap(error, `make the archive of layer ${id}`);
  }
}

function partBytes(part: SplitPart): number {
  return part.kind === "bytes"
    ? part.bytes.length
    : part.segments.reduce((sum, { length }) => sum + length, 0);
}

function openSplit(store: ImageStore, id: string): Fd {
  try {
    return openat(undefined, store.splitPath(id), O_RDONLY);
  } catch (error) {
    if (!failedWith(error, "ENOENT")) throw error;
    throw new CurruntError("unsupported", "it does not know its archive", {
      hint: "it came with a version of currunt that kept none: remove the image and get it anew",
      cause: error,
    });
  }
}

function* framesOf(split: Fd): Generator<Uint8Array> {
  const head = Buffer.alloc(4);
  for (;;) {
    const length = fill(split, head);
    if (length === 0) return;
    const frame = Buffer.alloc(head.readUInt32LE());
    if (length < head.length || fill(split, frame) < frame.length) {
      throw new CurruntError("invalid", "its tar-split is cut short");
    }
    yield frame;
  }
}

/** Reads until `buffer` is full or the file ends; returns how much there is. */
function fill(file: Fd, buffer: Buffer): number {
  let done = 0;
  while (done < buffer.length) {
    const length = readSome(file, buffer.subarray(done));
    if (length === 0) break;
    done += length;
  }
  return done;
}

function* readFile(
  root: Fd,
  { path, segments }: SplitPart & { kind: "file" },
  buffer: Buffer,
): Generator<Uint8Array> {
  using file = openFile(root, path);
  for (const { offset, length } of segments) {
    for (let left = length; left > 0; ) {
      const read = preadSome(file, buffer.subarray(0, Math.min(left, buffer.length)), offset + length - left);
      if (read === 0) throw new CurruntError("invalid", `file ${showBytes(path)} is shorter than it was`);
      yield buffer.subarray(0, read);
      left -= read;
    }
  }
}

/** As the layer's writer found its place: links on the way are followed inside the layer. */
function openFile(root: Fd, path: string): Fd {
  try {
    return openInRoot(root, bytesOf(cleanPath(path)), O_RDONLY | O_NOFOLLOW);
  } catch (error) {
    throw wrap(error, `file ${showBytes(path)}`);
  }
}
