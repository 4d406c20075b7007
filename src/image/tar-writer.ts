/** Writes entries of tar archives as every reader takes them: POSIX ustar, with PAX records for what that cannot say. */
import type { Timestamp } from "../sys/file.ts";
import type { EntryType, TarEntry } from "./tar-entry.ts";
import type { ByteString } from "./tar-header.ts";
import { blockSize, bytesOf, paddingOf, writeHeader } from "./tar-header.ts";
import type { SparseSegment } from "./tar-sparse.ts";

/** What ends an archive: two blocks of zeros. */
export const endOfArchive: Uint8Array = Buffer.alloc(2 * blockSize);

const typeFlags: Readonly<Record<EntryType, string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

/** What the fields of a header hold at most: seven and eleven octal digits. */
const [maximumNumber, maximumLong] = [0o7777777, 0o77777777777];
/** Lengths of the name fields. */
const [nameBytes, prefixBytes] = [100, 155];

/**
 * All that stands before the data of an entry. `segments`: where the data of a sparse file is; only that follows then, in order.
 * The same entry always gives the same bytes.
 */
export function encodeEntry(entry: TarEntry, segments?: readonly SparseSegment[]): Buffer {
  const path = entry.type === "directory" && !entry.path.endsWith("/") ? `${entry.path}/` : entry.path;
  const map = segments === undefined ? Buffer.alloc(0) : encodeSparseMap(segments, entry.sizeBytes);
  const sizeBytes = segments === undefined ? entry.sizeBytes : map.length + dataBytes(segments);
  const stored = segments === undefined ? path : `GNUSparseFile.0/${lastName(path)}`;
  const split = splitPath(stored);
  const records = recordsOf(entry, {
    path,
    sizeBytes,
    named: split !== undefined,
    sparse: segments !== undefined,
  });
  const header = Buffer.alloc(blockSize);
  writeHeader(header, {
    path: split?.name ?? cut(stored),
    prefix: split?.prefix ?? "",
    linkPath: cut(entry.linkPath),
    typeFlag: typeFlags[entry.type],
    mode: entry.mode,
    uid: fitting(entry.uid, maximumNumber),
    gid: fitting(entry.gid, maximumNumber),
    sizeBytes: fitting(sizeBytes, maximumLong),
    modifiedSeconds: fitting(entry.modified.seconds, maximumLong),
    major: entry.major,
    minor: entry.minor,
  });
  return Buffer.concat(records.length === 0 ? [header, map] : [encodeRecords(records, path), header, map]);
}

/** Bytes of an entry after what `encodeEntry` gives, padding not counted. */
export function dataBytes(segments: readonly SparseSegment[]): number {
  return segments.reduce((sum, { length }) => sum + length, 0);
}

/** A number that the field has room for; for one that it has none for, a record says it, and readers that know none see 0. */
function fitting(value: number, maximum: number): number {
  return value >= 0 && value <= maximum ? value : 0;
}

type PaxRecord = readonly [keyword: ByteString, value: ByteString | Uint8Array];

function recordsOf(
  { type, linkPath, uid, gid, modified, sizeBytes: realSize, xattrs }: TarEntry,
  {
    path,
    sizeBytes,
    named,
    sparse,
  }: { path: ByteString; sizeBytes: number; named: boolean; sparse: boolean },
): PaxRecord[] {
  const records: PaxRecord[] = [];
  if (sparse) {
    records.push(["GNU.sparse.major", "1"], ["GNU.sparse.minor", "0"]);
    records.push(["GNU.sparse.name", path], ["GNU.sparse.realsize", String(realSize)]);
  } else if (!named || isWideText(path)) records.push(["path", path]);
  const isLink = type === "hardlink" || type === "symlink";
  if (isLink && (linkPath.length > nameBytes || isWideText(linkPath))) records.push(["linkpath", linkPath]);
  if (uid > maximumNumber) records.push(["uid", String(uid)]);
  if (gid > maximumNumber) records.push(["gid", String(gid)]);
  if (sizeBytes > maximumLong) records.push(["size", String(sizeBytes)]);
  const { seconds, nanoseconds } = modified;
  if (nanoseconds !== 0 || seconds !== fitting(seconds, maximumLong))
    records.push(["mtime", timeText(modified)]);
  // In one order, whatever order the file system lists them in.
  for (const [name, value] of [...(xattrs ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) {
    records.push([`SCHILY.xattr.${name}`, value]);
  }
  return records;
}

/** Text beyond ASCII: the header's fields do not say in which encoding, a record is UTF-8. Other bytes are what they are. */
function isWideText(text: ByteString): boolean {
  return /[\x80-\xff]/.test(text) && process.getBuiltinModule("node:buffer").isUtf8(bytesOf(text));
}

/** Decimal seconds; "-1.25" for second -2 and 750 000 000 ns. */
function timeText({ seconds, nanoseconds }: Timestamp): string {
  const negative = seconds < 0;
  const whole = negative && nanoseconds > 0 ? -seconds - 1 : Math.abs(seconds);
  const part = negative && nanoseconds > 0 ? 1e9 - nanoseconds : nanoseconds;
  const decimals = part === 0 ? "" : `.${String(part).padStart(9, "0").replace(/0+$/, "")}`;
  return `${negative ? "-" : ""}${whole}${decimals}`;
}

/** An `x` header with its data. Its own name counts for nothing but readers that do not know its type. */
function encodeRecords(records: readonly PaxRecord[], path: ByteString): Buffer {
  const data = Buffer.concat(records.map(encodeRecord));
  const header = Buffer.alloc(blockSize);
  writeHeader(header, {
    path: cut(`PaxHeaders.0/${lastName(path)}`),
    prefix: "",
    linkPath: "",
    typeFlag: "x",
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: data.length,
    modifiedSeconds: 0,
    major: 0,
    minor: 0,
  });
  return Buffer.concat([header, data, Buffer.alloc(paddingOf(data.length))]);
}

/** "LENGTH KEYWORD=VALUE\n", where the length counts its own digits. */
function encodeRecord([keyword, value]: PaxRecord): Buffer {
  const bytes = typeof value === "string" ? bytesOf(value) : value;
  const rest = keyword.length + bytes.length + 3;
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length++;
  return Buffer.concat([bytesOf(`${length} ${keyword}=`), bytes, bytesOf("\n")]);
}

/** The map of PAX format 1.0: decimal lines in blocks of their own before the data. */
function encodeSparseMap(segments: readonly SparseSegment[], sizeBytes: number): Buffer {
  const last = segments.at(-1);
  // A hole at the end is told by an empty segment there, as GNU tar writes it.
  const all =
    last !== undefined && last.offset + last.length === sizeBytes
      ? segments
      : [...segments, { offset: sizeBytes, length: 0 }];
  const text = `${all.length}\n${all.map(({ offset, length }) => `${offset}\n${length}\n`).join("")}`;
  return Buffer.concat([Buffer.from(text), Buffer.alloc(paddingOf(text.length))]);
}

/** The path as the header's two fields hold it; undefined when they cannot. */
function splitPath(path: ByteString): { name: ByteString; prefix: ByteString } | undefined {
  if (path.length <= nameBytes) return { name: path, prefix: "" };
  // A directory's final slash must not be what separates the two.
  const slash = path.indexOf("/", path.length - nameBytes - 1);
  if (slash <= 0 || slash > prefixBytes || slash >= path.length - 1) return undefined;
  return { name: path.slice(slash + 1), prefix: path.slice(0, slash) };
}

function cut(text: ByteString): ByteString {
  return text.slice(0, nameBytes);
}

function lastName(path: ByteString): ByteString {
  const trimmed = path.replace(/\/+$/, "");
  return trimmed.slice(trimmed.lastIndexOf("/") + 1);
}
