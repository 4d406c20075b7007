/** Reads tar archives as they arrive: pieces in, entries and their data out, exact to the byte (POSIX ustar and pax, GNU, V7). */
import { CurruntError, wrap } from "../base/error.ts";
import { parsePax } from "./pax.ts";
import type { EntryType, Extensions, TarEntry } from "./tar-entry.ts";
import { entryDataBytes, entryType, makeEntry, refuseEntry } from "./tar-entry.ts";
import type { RawHeader } from "./tar-header.ts";
import { blockSize, isZeroBlock, paddingOf, readHeader } from "./tar-header.ts";
import type { SparseMap, SparseSegment } from "./tar-sparse.ts";
import {
  checkSparseMap,
  hasMapInData,
  readOldSegments,
  readOldSize,
  readPaxMap,
  readPaxSize,
  SparseMapReader,
} from "./tar-sparse.ts";

/** Takes the entries. An exception stops the parser for good. */
export interface TarHandler {
  entry(entry: TarEntry): void;
  /** A piece of the last file, in order; `bytes` is valid during the call only. */
  data(bytes: Buffer, offset: number): void;
  /** The last entry is complete. */
  endEntry(): void;
}

export interface TarLimits {
  readonly entries: number;
  /** Bytes of one extended header or long name. */
  readonly headerBytes: number;
  /** Bytes of all extended attributes of one entry, names included. */
  readonly xattrBytes: number;
}

/** Far beyond what a real layer has, small enough to hold in memory. 1 MiB of extended header is what Go's archive/tar takes. */
export const defaultTarLimits: TarLimits = { entries: 10_000_000, headerBytes: 1 << 20, xattrBytes: 65536 };

type State = "header" | "data" | "skip" | "extension" | "sparse blocks" | "sparse map" | "end";

export class TarParser {
  readonly #handler: TarHandler;
  readonly #limits: TarLimits;
  #state: State = "header";
  /** Bytes of the archive before what is taken now. */
  #position = 0;
  /** Gathers what must be seen whole and was cut by the end of a piece. */
  #pending: Buffer = Buffer.alloc(blockSize);
  #pendingLength = 0;
  /** Bytes of data, then of padding, until the next header. */
  #remaining = 0;
  #padding = 0;
  #zeroBlock = false;
  #entries = 0;
  /** What the headers before the next entry say, and the type of the one that is read. */
  #extensions: Extensions = {};
  #extensionFlag = "";
  /** The sparse file whose map is read. */
  #sparse:
    | { raw: RawHeader; sizeBytes: number; segments: SparseSegment[]; reader: SparseMapReader }
    | undefined;
  /** The segments of the sparse file whose data is read, and which of them. */
  #segments: readonly SparseSegment[] = [];
  #segment = 0;
  /** Where in the file the next byte of data belongs. */
  #offset = 0;

  constructor(handler: TarHandler, limits: TarLimits = defaultTarLimits) {
    this.#handler = handler;
    this.#limits = limits;
  }

  /** Entries so far, without extended headers. */
  get entries(): number {
    return this.#entries;
  }

  /** Takes the next piece of the archive. What follows the archive's end is accepted and ignored. */
  push(piece: Buffer): void {
    const start = this.#position;
    for (let at = 0; at < piece.length && this.#state !== "end"; this.#position = start + at) {
      at = this.#take(piece, at);
    }
    this.#position = start + piece.length;
  }

  /** The archive is over: throws when that is in the middle of something. Missing end blocks and padding are accepted. */
  end(): void {
    const inPadding = this.#state === "skip" && this.#remaining === 0;
    const between = this.#state === "header" && this.#pendingLength === 0;
    if (this.#state !== "end" && !between && !inPadding) {
      throw new CurruntError("invalid", `tar: the archive is cut short at byte ${this.#position}`);
    }
  }

  /** Takes what belongs together from `at` on; returns where it ends. */
  #take(piece: Buffer, at: number): number {
    switch (this.#state) {
      case "data":
        return this.#takeData(piece, at);
      case "skip":
        return this.#takeSkipped(piece, at);
      case "extension":
        return this.#gather(piece, at, this.#remaining);
      default:
        return this.#gather(piece, at, blockSize);
    }
  }

  /** Takes `length` bytes that must be seen whole: in place when the piece has them all. */
  #gather(piece: Buffer, at: number, length: number): number {
    const available = piece.length - at;
    if (this.#pendingLength === 0 && available >= length) {
      this.#takeWhole(piece, at);
      return at + length;
    }
    if (this.#pending.length < length) this.#pending = Buffer.alloc(length);
    const step = Math.min(available, length - this.#pendingLength);
    piece.copy(this.#pending, this.#pendingLength, at, at + step);
    this.#pendingLength += step;
    if (this.#pendingLength === length) {
      this.#pendingLength = 0;
      this.#takeWhole(this.#pending, 0);
    }
    return at + step;
  }

  #takeWhole(bytes: Buffer, at: number): void {
    if (this.#state === "header") this.#takeHeader(bytes, at);
    else if (this.#state === "extension") this.#takeExtension(bytes.subarray(at, at + this.#remaining));
    else if (this.#state === "sparse blocks") this.#takeSparseBlock(bytes, at);
    else this.#takeMapBlock(bytes, at);
  }

  #takeHeader(block: Buffer, at: number): void {
    if (isZeroBlock(block, at)) {
      // Two in a row end the archive. A lone one is padding of a careless writer.
      this.#state = this.#zeroBlock ? "end" : "header";
      this.#zeroBlock = true;
      return;
    }
    this.#zeroBlock = false;
    const raw = this.#readHeader(block, at);
    if (raw.typeFlag === "x" || raw.typeFlag === "L" || raw.typeFlag === "K") this.#startExtension(raw);
    // Global records: layers carry them (git archive's commit), no reader of layers applies them.
    else if (raw.typeFlag === "g") this.#startSkip(raw, raw.sizeBytes);
    else this.#startEntry(raw, block, at);
  }

  #readHeader(block: Buffer, at: number): RawHeader {
    try {
      return readHeader(block, at);
    } catch (error) {
      throw wrap(error, `read the header near byte ${this.#position}`);
    }
  }

  #startExtension({ typeFlag, sizeBytes }: RawHeader): void {
    const { headerBytes } = this.#limits;
    if (sizeBytes < 0 || sizeBytes > headerBytes) {
      const detail = `an extended header of ${sizeBytes} bytes: ${headerBytes} at most`;
      throw new CurruntError("invalid", `tar: ${detail}`);
    }
    this.#extensionFlag = typeFlag;
    this.#remaining = sizeBytes;
    this.#padding = paddingOf(sizeBytes);
    this.#state = "extension";
    if (sizeBytes === 0) this.#takeExtension(Buffer.alloc(0));
  }

  #takeExtension(data: Buffer): void {
    if (this.#extensionFlag === "x") this.#extensions.pax = parsePax(data);
    else {
      const end = data.indexOf(0);
      const name = data.toString("latin1", 0, end === -1 ? data.length : end);
      if (this.#extensionFlag === "L") this.#extensions.longPath = name;
      else this.#extensions.longLink = name;
    }
    this.#remaining = 0;
    this.#state = this.#padding > 0 ? "skip" : "header";
  }

  #startSkip(raw: RawHeader, sizeBytes: number): void {
    if (sizeBytes < 0) throw refuseEntry(`a size of ${sizeBytes} bytes`, raw, this.#extensions);
    this.#remaining = sizeBytes;
    this.#padding = paddingOf(sizeBytes);
    this.#state = sizeBytes > 0 ? "skip" : "header";
  }

  #startEntry(raw: RawHeader, block: Buffer, at: number): void {
    const type = entryType(raw, this.#extensions);
    const dataBytes = entryDataBytes(raw, type, this.#extensions);
    if (++this.#entries > this.#limits.entries) {
      throw new CurruntError("invalid", `tar: more than ${this.#limits.entries} entries`);
    }
    const records = this.#extensions.pax?.sparse;
    if (type === "skip") {
      this.#startSkip(raw, dataBytes);
      this.#extensions = {};
    } else if (type !== "file") this.#emit(raw, type, undefined, 0);
    else if (raw.typeFlag === "S") this.#startOldSparse(raw, block, at);
    else if (records !== undefined && hasMapInData(records)) {
      this.#startSparse(raw, readPaxSize(records), []);
      this.#remaining = dataBytes;
      this.#state = "sparse map";
    } else this.#emit(raw, type, records === undefined ? undefined : readPaxMap(records), dataBytes);
  }

  #startSparse(raw: RawHeader, sizeBytes: number, segments: SparseSegment[]): void {
    this.#sparse = { raw, sizeBytes, segments, reader: new SparseMapReader() };
  }

  #startOldSparse(raw: RawHeader, block: Buffer, at: number): void {
    const segments: SparseSegment[] = [];
    this.#startSparse(raw, readOldSize(block, at), segments);
    if (readOldSegments(block, at, "header", segments)) this.#state = "sparse blocks";
    else this.#emitSparse(segments, entryDataBytes(raw, "file", this.#extensions));
  }

  #takeSparseBlock(block: Buffer, at: number): void {
    if (this.#sparse === undefined) return;
    const { raw, segments } = this.#sparse;
    if (readOldSegments(block, at, "extension", segments)) return;
    this.#emitSparse(segments, entryDataBytes(raw, "file", this.#extensions));
  }

  #takeMapBlock(block: Buffer, at: number): void {
    if (this.#sparse === undefined) return;
    const { raw, reader } = this.#sparse;
    this.#remaining -= blockSize;
    if (this.#remaining < 0)
      throw refuseEntry("the sparse map is longer than the entry", raw, this.#extensions);
    if (reader.push(block, at)) this.#emitSparse(reader.segments, this.#remaining);
  }

  #emitSparse(segments: SparseSegment[], dataBytes: number): void {
    const sparse = this.#sparse;
    this.#sparse = undefined;
    if (sparse !== undefined) {
      this.#emit(sparse.raw, "file", { sizeBytes: sparse.sizeBytes, segments }, dataBytes);
    }
  }

  #emit(raw: RawHeader, type: EntryType, sparse: SparseMap | undefined, dataBytes: number): void {
    if (dataBytes < 0) throw refuseEntry(`a size of ${dataBytes} bytes`, raw, this.#extensions);
    if (sparse !== undefined) checkSparseMap(sparse, dataBytes);
    const entry = makeEntry(raw, this.#extensions, {
      type,
      sizeBytes: sparse?.sizeBytes ?? dataBytes,
      sparse: sparse !== undefined,
      xattrLimit: this.#limits.xattrBytes,
    });
    this.#extensions = {};
    this.#segments = sparse?.segments ?? [];
    this.#segment = 0;
    this.#offset = this.#segments[0]?.offset ?? 0;
    this.#remaining = dataBytes;
    this.#padding = paddingOf(dataBytes);
    this.#handler.entry(entry);
    if (dataBytes > 0) this.#state = "data";
    else this.#finishEntry();
  }

  #takeData(piece: Buffer, at: number): number {
    let length = Math.min(this.#remaining, piece.length - at);
    if (this.#segments.length > 0) length = this.#clipToSegment(length);
    this.#handler.data(piece.subarray(at, at + length), this.#offset);
    this.#offset += length;
    this.#remaining -= length;
    if (this.#remaining === 0) this.#finishEntry();
    return at + length;
  }

  /** Goes to the segment that the next byte belongs to; at most its rest is taken at once. */
  #clipToSegment(length: number): number {
    let segment = this.#segments[this.#segment];
    while (segment !== undefined && this.#offset === segment.offset + segment.length) {
      segment = this.#segments[++this.#segment];
      this.#offset = segment?.offset ?? this.#offset;
    }
    // The map was checked: its segments have as many bytes as the data.
    return segment === undefined ? length : Math.min(length, segment.offset + segment.length - this.#offset);
  }

  #finishEntry(): void {
    this.#handler.endEntry();
    this.#state = this.#padding > 0 ? "skip" : "header";
  }

  #takeSkipped(piece: Buffer, at: number): number {
    const step = Math.min(this.#remaining + this.#padding, piece.length - at);
    const data = Math.min(step, this.#remaining);
    this.#remaining -= data;
    this.#padding -= step - data;
    if (this.#remaining + this.#padding === 0) this.#state = "header";
    return at + step;
  }
}
