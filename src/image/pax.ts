/** PAX extended headers: the records before an entry that override its header (POSIX.1-2017, pax, "Extended Header"). */
import { CurruntError } from "../base/error.ts";
import type { Timestamp } from "../sys/file.ts";
import type { ByteString } from "./tar-header.ts";
import { bytesOf, showBytes } from "./tar-header.ts";

/** What the records of one extended header say about the next entry; absent: nothing. */
export interface PaxHeader {
  path?: ByteString;
  linkPath?: ByteString;
  sizeBytes?: number;
  uid?: number;
  gid?: number;
  modified?: Timestamp;
  accessed?: Timestamp;
  /** Names without the vendor's prefix, values as bytes. */
  xattrs?: Map<ByteString, Buffer>;
  /** GNU.sparse.* records by the rest of their name; repeated ones joined by commas. */
  sparse?: Map<ByteString, ByteString>;
}

/** Reads the records of an `x` header. Unknown keywords are ignored, as POSIX wants. */
export function parsePax(data: Buffer): PaxHeader {
  const header: PaxHeader = {};
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const length = space === -1 || space - at > 10 ? "" : data.toString("latin1", at, space);
    const end = at + Number(length);
    if (!/^[1-9]\d*$/.test(length) || end > data.length || end <= space || data[end - 1] !== 0x0a) {
      throw invalid(`record at byte ${at} has no valid length`);
    }
    const equals = data.indexOf(0x3d, space);
    if (equals === -1 || equals >= end || equals === space + 1) {
      throw invalid(`record at byte ${at} is no "keyword=value"`);
    }
    takeRecord(header, data.toString("latin1", space + 1, equals), data.subarray(equals + 1, end - 1));
    at = end;
  }
  return header;
}

function invalid(detail: string): CurruntError {
  return new CurruntError("invalid", `tar: PAX header: ${detail}`);
}

const schily = "SCHILY.xattr.";
const libarchive = "LIBARCHIVE.xattr.";
const gnuSparse = "GNU.sparse.";

function takeRecord(header: PaxHeader, keyword: ByteString, value: Buffer): void {
  if (keyword.startsWith(schily)) {
    // The same attribute may be given in both ways: this one is exact, it wins.
    header.xattrs ??= new Map();
    header.xattrs.set(keyword.slice(schily.length), Buffer.from(value));
  } else if (keyword.startsWith(libarchive)) {
    header.xattrs ??= new Map();
    const name = decodeUrl(keyword.slice(libarchive.length));
    if (!header.xattrs.has(name)) header.xattrs.set(name, Buffer.from(value.toString("latin1"), "base64"));
  } else if (keyword.startsWith(gnuSparse)) takeSparse(header, keyword.slice(gnuSparse.length), value);
  // An empty value takes back what an earlier header said (POSIX): nothing stays but the entry's own field.
  else if (value.length > 0) takeField(header, keyword, value.toString("latin1"));
}

function takeSparse(header: PaxHeader, keyword: ByteString, value: Buffer): void {
  header.sparse ??= new Map();
  const text = value.toString("latin1");
  // Format 0.0 gives the map as a pair of records a segment; format 0.1 as one record with commas.
  const key = keyword === "offset" || keyword === "numbytes" ? "map" : keyword;
  const before = key === keyword ? undefined : header.sparse.get(key);
  header.sparse.set(key, before === undefined ? text : `${before},${text}`);
}

function takeField(header: PaxHeader, keyword: ByteString, value: ByteString): void {
  switch (keyword) {
    case "path":
      header.path = checkName(keyword, value);
      break;
    case "linkpath":
      header.linkPath = checkName(keyword, value);
      break;
    case "size":
      header.sizeBytes = parseInteger(keyword, value);
      break;
    case "uid":
      header.uid = parseInteger(keyword, value);
      break;
    case "gid":
      header.gid = parseInteger(keyword, value);
      break;
    case "mtime":
      header.modified = parseTime(keyword, value);
      break;
    case "atime":
      header.accessed = parseTime(keyword, value);
      break;
  }
}

function checkName(keyword: string, value: ByteString): ByteString {
  if (value.includes("\0")) throw invalid(`"${keyword}" contains a NUL: ${showBytes(value)}`);
  return value;
}

/** A decimal integer, which may be negative. */
export function parseInteger(keyword: string, value: ByteString): number {
  const number = Number(value);
  if (!/^-?\d+$/.test(value) || !Number.isSafeInteger(number)) {
    throw invalid(`"${keyword}" is no integer: ${showBytes(value)}`);
  }
  return number;
}

// Seconds with any number of decimals, before 1970 too: "-1.25" is second -2 and 750 000 000 ns.
function parseTime(keyword: string, value: ByteString): Timestamp {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(value);
  if (match === null) throw invalid(`"${keyword}" is no time: ${showBytes(value)}`);
  const [, sign, whole, decimals = ""] = match;
  const seconds = Number(whole);
  const nanoseconds = Number(decimals.slice(0, 9).padEnd(9, "0"));
  if (sign === "") return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: -seconds, nanoseconds }
    : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}

// libarchive escapes bytes of an attribute's name as in a URL.
function decodeUrl(name: ByteString): ByteString {
  return name.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** Bytes that names and values of all attributes take together. */
export function xattrBytes(xattrs: ReadonlyMap<ByteString, Buffer>): number {
  let sum = 0;
  for (const [name, value] of xattrs) sum += bytesOf(name).length + value.length;
  return sum;
}
