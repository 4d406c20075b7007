/** Sparse files in tar archives: GNU's old format and the three PAX ones (GNU tar manual, "Storing Sparse Files"). */
import { CurruntError } from "../base/error.ts";
import { parseInteger } from "./pax.ts";
import type { ByteString } from "./tar-header.ts";
import { blockSize, parseNumber } from "./tar-header.ts";

/** A run of data within a sparse file; what lies between runs is a hole. */
export interface SparseSegment {
  readonly offset: number;
  readonly length: number;
}

export interface SparseMap {
  /** Size of the file with its holes. */
  readonly sizeBytes: number;
  readonly segments: readonly SparseSegment[];
}

/** More segments than any real file has, few enough to hold. */
const maximumSegments = 1_000_000;

/** Adds the segments of a header (offset 386, four) or extension block (offset 0, 21) and tells whether another block follows. */
export function readOldSegments(
  block: Buffer,
  at: number,
  kind: "header" | "extension",
  segments: SparseSegment[],
): boolean {
  const [first, count] = kind === "header" ? [at + 386, 4] : [at, 21];
  for (let i = 0; i < count; i++) {
    const start = first + i * 24;
    // An unused slot is all NUL.
    if (block[start] === 0) break;
    const offset = parseNumber(block, start, 12);
    const length = parseNumber(block, start + 12, 12);
    if (offset === undefined || length === undefined) throw invalid("a segment is no number");
    addSegment(segments, offset, length);
  }
  return block[first + count * 24] !== 0;
}

/** The file's size with its holes, from a header of GNU's old format. */
export function readOldSize(block: Buffer, at: number): number {
  const size = parseNumber(block, at + 483, 12);
  if (size === undefined) throw invalid("the real size is no number");
  return size;
}

/** The map of PAX formats 0.0 and 0.1, undefined when the records have none. */
export function readPaxMap(records: ReadonlyMap<ByteString, ByteString>): SparseMap | undefined {
  const map = records.get("map");
  if (map === undefined) return undefined;
  const numbers = map === "" ? [] : map.split(",").map((text) => parseInteger("GNU.sparse.map", text));
  if (numbers.length % 2 !== 0) throw invalid("the map has an odd number of values");
  const segments: SparseSegment[] = [];
  for (let i = 0; i < numbers.length; i += 2) addSegment(segments, numbers[i] ?? 0, numbers[i + 1] ?? 0);
  return { sizeBytes: readPaxSize(records), segments };
}

/** The file's size with its holes, from the records of any PAX format. */
export function readPaxSize(records: ReadonlyMap<ByteString, ByteString>): number {
  const text = records.get("realsize") ?? records.get("size");
  if (text === undefined) throw invalid("the real size is missing");
  return parseInteger("GNU.sparse.realsize", text);
}

/** True for PAX format 1.0, whose map stands before the data. */
export function hasMapInData(records: ReadonlyMap<ByteString, ByteString>): boolean {
  return records.get("major") === "1" && records.get("minor") === "0";
}

/** Reads the map of PAX format 1.0, block by block: decimal numbers, one a line, padded to a whole block. */
export class SparseMapReader {
  readonly segments: SparseSegment[] = [];
  #line = "";
  /** Numbers that are still to come; undefined until the first line, their count. */
  #left: number | undefined;
  #offset: number | undefined;

  /** True when the map is complete: data begins with the next block. */
  push(block: Buffer, at: number): boolean {
    for (const character of block.toString("latin1", at, at + blockSize)) {
      if (character !== "\n") this.#line += character;
      else {
        this.#take(parseInteger("sparse map", this.#line));
        this.#line = "";
      }
      if (this.#left === 0) return true;
      if (this.#line.length > 20) throw invalid("the map has a line that is no number");
    }
    return false;
  }

  #take(value: number): void {
    if (this.#left === undefined) {
      if (value < 0 || value > maximumSegments) throw invalid(`the map says that it has ${value} segments`);
      this.#left = 2 * value;
      return;
    }
    this.#left--;
    if (this.#offset === undefined) this.#offset = value;
    else {
      addSegment(this.segments, this.#offset, value);
      this.#offset = undefined;
    }
  }
}

function addSegment(segments: SparseSegment[], offset: number, length: number): void {
  if (segments.length >= maximumSegments) throw invalid(`more than ${maximumSegments} segments`);
  segments.push({ offset, length });
}

/** Refuses a map whose segments are out of order, overlap, leave the file, or are not as long as the data. */
export function checkSparseMap({ sizeBytes, segments }: SparseMap, dataBytes: number): void {
  let end = 0;
  let sum = 0;
  for (const { offset, length } of segments) {
    if (offset < end || length < 0 || offset + length > sizeBytes) {
      throw invalid(`segment ${offset}+${length} is out of order or beyond the file's ${sizeBytes} bytes`);
    }
    end = offset + length;
    sum += length;
  }
  if (sizeBytes < 0 || sum !== dataBytes) {
    throw invalid(`the segments have ${sum} bytes, the archive has ${dataBytes}`);
  }
}

function invalid(detail: string): CurruntError {
  return new CurruntError("invalid", `tar: sparse file: ${detail}`);
}
