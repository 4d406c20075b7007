/** An entry of a tar archive, from its header and what the extended headers before it say. */
import { CurruntError } from "../base/error.ts";
import type { Timestamp } from "../sys/file.ts";
import type { PaxHeader } from "./pax.ts";
import { xattrBytes } from "./pax.ts";
import type { ByteString, RawHeader } from "./tar-header.ts";
import { showBytes } from "./tar-header.ts";

export type EntryType = "file" | "hardlink" | "symlink" | "character" | "block" | "directory" | "fifo";

export interface TarEntry {
  readonly type: EntryType;
  /** As in the archive: neither cleaned nor checked. */
  readonly path: ByteString;
  /** Target of a link; "" for others. */
  readonly linkPath: ByteString;
  /** Permission bits, set-id bits and sticky bit only. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Size of a file, holes included; 0 for all other types, whatever the header says. */
  readonly sizeBytes: number;
  readonly modified: Timestamp;
  readonly accessed: Timestamp | undefined;
  readonly major: number;
  readonly minor: number;
  readonly xattrs: ReadonlyMap<ByteString, Buffer> | undefined;
  /** True when the data may leave holes. */
  readonly sparse: boolean;
}

/** A file of root's that has nothing unusual. */
export function plainFile(path: ByteString, sizeBytes: number, mode: number): TarEntry {
  return {
    type: "file",
    path,
    linkPath: "",
    mode,
    uid: 0,
    gid: 0,
    sizeBytes,
    modified: { seconds: 0, nanoseconds: 0 },
    accessed: undefined,
    major: 0,
    minor: 0,
    xattrs: undefined,
    sparse: false,
  };
}

/** What stands before an entry's own header. */
export interface Extensions {
  pax?: PaxHeader | undefined;
  /** GNU's long name and long link (types L and K). */
  longPath?: ByteString | undefined;
  longLink?: ByteString | undefined;
}

/** undefined: no entry of a tree, but its data must be skipped. A flag that is not listed is refused. */
const types: { readonly [flag: string]: EntryType | "skip" | undefined } = {
  "\0": "file",
  "0": "file",
  // Contiguous file, and GNU's old sparse one.
  "7": "file",
  S: "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
  // GNU: listing of a directory for incremental backups, continuation of another volume, volume name, old long names.
  D: "skip",
  M: "skip",
  V: "skip",
  N: "skip",
  // Solaris: ACL; star: inode only. Neither is a file.
  A: "skip",
  I: "skip",
};

/** The entry's type; "skip" for what is no part of a tree. */
export function entryType(raw: RawHeader, extensions: Extensions): EntryType | "skip" {
  const type = types[raw.typeFlag];
  if (type === undefined) {
    throw refuseEntry(`type ${JSON.stringify(raw.typeFlag)} is not supported`, raw, extensions);
  }
  // V7 has no type for directories: the name ends with a slash.
  return raw.typeFlag === "\0" && entryPath(raw, extensions).endsWith("/") ? "directory" : type;
}

// Go's order, which docker, containerd and podman share: a GNU long name beats PAX ones.
function entryPath(raw: RawHeader, { pax, longPath }: Extensions): ByteString {
  return longPath ?? pax?.sparse?.get("name") ?? pax?.path ?? raw.path;
}

/** Bytes of data that follow the header: none for all but files, whatever it says (POSIX, and Go for links). */
export function entryDataBytes(raw: RawHeader, type: EntryType | "skip", { pax }: Extensions): number {
  return type === "file" || type === "skip" ? (pax?.sizeBytes ?? raw.sizeBytes) : 0;
}

export interface EntryDetails {
  readonly type: EntryType;
  readonly sizeBytes: number;
  readonly sparse: boolean;
  /** Most bytes that extended attributes may have together. */
  readonly xattrLimit: number;
}

/** Puts an entry together and checks its numbers. */
export function makeEntry(raw: RawHeader, extensions: Extensions, details: EntryDetails): TarEntry {
  const { type, sizeBytes, sparse, xattrLimit } = details;
  const { pax, longLink } = extensions;
  const xattrs = pax?.xattrs;
  if (xattrs !== undefined && xattrBytes(xattrs) > xattrLimit) {
    throw refuseEntry(`more than ${xattrLimit} bytes of extended attributes`, raw, extensions);
  }
  const identity = (field: string, value: number) => {
    // A 32-bit number; written as a negative one by tools that take it for signed. -1 means "leave it" to chown.
    if (value <= 0xfffffffe && value >= -0x80000000 && value !== -1) return value >>> 0;
    throw refuseEntry(`${field} ${value} is out of range: 0 to 4294967294`, raw, extensions);
  };
  return {
    type,
    path: entryPath(raw, extensions),
    linkPath: type === "hardlink" || type === "symlink" ? (longLink ?? pax?.linkPath ?? raw.linkPath) : "",
    mode: raw.mode & 0o7777,
    uid: identity("uid", pax?.uid ?? raw.uid),
    gid: identity("gid", pax?.gid ?? raw.gid),
    sizeBytes,
    modified: pax?.modified ?? { seconds: raw.modifiedSeconds, nanoseconds: 0 },
    accessed: pax?.accessed,
    major: raw.major,
    minor: raw.minor,
    xattrs,
    sparse,
  };
}

/** The error for an entry that cannot be taken, with its name. */
export function refuseEntry(detail: string, raw: RawHeader, extensions: Extensions): CurruntError {
  return new CurruntError("invalid", `tar: entry ${showBytes(entryPath(raw, extensions))}: ${detail}`);
}
