/**
 * What an archive has beside its files' contents, kept when it is unpacked: with the unpacked files it gives the same archive
 * again, bit by bit (docker and podman have the same idea and name, in another format).
 */
import { O_CREAT, O_TRUNC, O_WRONLY } from "../../ffi/kernel.ts";
import type { Fd } from "../sys/fd.ts";
import { openat, writeAll } from "../sys/file.ts";
import { isMarker } from "./layer-path.ts";
import { release } from "./release.ts";
import type { TarHandler } from "./tar.ts";
import type { TarEntry } from "./tar-entry.ts";
import type { SparseSegment } from "./tar-sparse.ts";

/** A part of the archive: bytes that stand in no file, or the contents of a file in the order of its segments. */
export type SplitPart =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** `path`: as the archive has it, a byte a character. */
  | { readonly kind: "file"; readonly path: string; readonly segments: readonly SparseSegment[] };

/** Parts gather up to this before they are compressed: headers of a thousand files, which repeat each other. */
const frameBytes = 1 << 20;
const [BYTES, FILE] = [0, 1];

/**
 * Stands between the parser and the layer's writer, and writes the split to `path`: frames of zstd, each after its length in
 * four bytes.
 */
export class TarSplitWriter implements TarHandler, Disposable {
  readonly #next: TarHandler;
  readonly #file: Fd;
  readonly #frame = Buffer.allocUnsafeSlow(2 * frameBytes);
  #length = 0;
  #piece: Buffer = Buffer.alloc(0);
  /** Where in the piece the bytes begin that are in no part yet. */
  #from = 0;
  #entry: TarEntry | undefined;
  #segments: { offset: number; length: number }[] = [];

  constructor(next: TarHandler, path: string) {
    this.#next = next;
    this.#file = openat(undefined, path, O_WRONLY | O_CREAT | O_TRUNC, 0o600);
  }

  /** Has `push` give `piece` to the parser, whose calls of the handler come meanwhile. */
  take(piece: Buffer, push: (piece: Buffer) => void): void {
    this.#piece = piece;
    this.#from = 0;
    push(piece);
    this.#bytesUntil(piece.length);
  }

  entry(entry: TarEntry): void {
    this.#entry = entry;
    this.#next.entry(entry);
  }

  data(bytes: Buffer, offset: number): void {
    this.#next.data(bytes, offset);
    // The contents of whiteouts are in no file.
    if (this.#entry === undefined || isMarker(this.#entry.path)) return;
    const start = bytes.byteOffset - this.#piece.byteOffset;
    this.#bytesUntil(start);
    this.#from = start + bytes.length;
    const last = this.#segments.at(-1);
    if (last !== undefined && last.offset + last.length === offset) last.length += bytes.length;
    else this.#segments.push({ offset, length: bytes.length });
  }

  endEntry(): void {
    this.#next.endEntry();
    if (this.#entry === undefined || this.#segments.length === 0) return;
    const head = Buffer.alloc(4 + 16 * this.#segments.length);
    head.writeUInt32LE(this.#segments.length);
    for (const [index, { offset, length }] of this.#segments.entries()) {
      head.writeDoubleLE(offset, 4 + 16 * index);
      head.writeDoubleLE(length, 12 + 16 * index);
    }
    this.#add(FILE, Buffer.concat([head, Buffer.from(this.#entry.path, "latin1")]));
    this.#segments = [];
  }

  /** After the last piece. */
  finish(): void {
    this.#flush();
    // The layer may wait for others now.
    release(this.#frame);
  }

  #bytesUntil(end: number): void {
    for (let at = this.#from; at < end; at += frameBytes) {
      this.#add(BYTES, this.#piece.subarray(at, Math.min(end, at + frameBytes)));
    }
    this.#from = Math.max(this.#from, end);
  }

  #add(kind: number, payload: Uint8Array): void {
    if (this.#length + 5 + payload.length > this.#frame.length) this.#flush();
    if (5 + payload.length > this.#frame.length) {
      this.#write(Buffer.concat([headOf(kind, payload), payload]));
      return;
    }
    this.#frame.set(headOf(kind, payload), this.#length);
    this.#frame.set(payload, this.#length + 5);
    this.#length += 5 + payload.length;
    if (this.#length >= frameBytes) this.#flush();
  }

  #flush(): void {
    if (this.#length > 0) this.#write(this.#frame.subarray(0, this.#length));
    this.#length = 0;
  }

  #write(parts: Uint8Array): void {
    const compressed = Bun.zstdCompressSync(parts, { level: 1 });
    const length = Buffer.alloc(4);
    length.writeUInt32LE(compressed.length);
    writeAll(this.#file, length);
    writeAll(this.#file, compressed);
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

function headOf(kind: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(kind);
  head.writeUInt32LE(payload.length, 1);
  return head;
}

/** The parts of a split, from the frames that `frames` gives. */
export function* readSplit(frames: Iterable<Uint8Array>): Generator<SplitPart> {
  for (const frame of frames) {
    const bytes = Buffer.from(Bun.zstdDecompressSync(frame));
    for (let at = 0; at < bytes.length; ) {
      const kind = bytes.readUInt8(at);
      const end = at + 5 + bytes.readUInt32LE(at + 1);
      const payload = bytes.subarray(at + 5, end);
      at = end;
      yield kind === BYTES ? { kind: "bytes", bytes: payload } : readFilePart(payload);
    }
  }
}

function readFilePart(payload: Buffer): SplitPart {
  const count = payload.readUInt32LE();
  const segments = Array.from({ length: count }, (_, index) => ({
    offset: payload.readDoubleLE(4 + 16 * index),
    length: payload.readDoubleLE(12 + 16 * index),
  }));
  return { kind: "file", path: payload.toString("latin1", 4 + 16 * count), segments };
}
