/** Whole directories: listing as bytes, recursive removal that follows no link, names made safe against power cuts. */
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_XDEV,
} from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { randomHex } from "../base/random.ts";
import type { ErrnoName } from "./error.ts";
import { check, failedWith, failureOf } from "./error.ts";
import type { Fd } from "./fd.ts";
import type { Path } from "./file.ts";
import {
  displayPath,
  encodePath,
  fchmodat,
  numberOf,
  openat,
  openat2,
  openDirectory,
  renameat,
  rmdirat,
} from "./file.ts";

export interface DirectoryEntry {
  readonly name: Buffer;
  /** True for a directory; undefined when the file system does not tell. */
  readonly isDirectory: boolean | undefined;
}

/** What the kernel lists into; nobody waits between a listing and its reading. */
const buffer = Buffer.allocUnsafeSlow(32768);

/** The entries of an open directory, without "." and "..", from its start. */
export function readDirectory(directory: Fd): DirectoryEntry[] {
  // A fresh descriptor: the position belongs to the open file, which others may share.
  using listing = openat(directory, ".", O_RDONLY | O_DIRECTORY);
  const entries: DirectoryEntry[] = [];
  for (;;) {
    const length = check(libc.getdents64(listing.number, buffer, buffer.length), "getdents64");
    if (length === 0) return entries;
    // struct linux_dirent64: u64 d_ino, i64 d_off, u16 d_reclen, u8 d_type, d_name (man 2 getdents).
    for (let at = 0; at < length; at += buffer.readUInt16LE(at + 16)) {
      const name = Buffer.from(buffer.subarray(at + 19, buffer.indexOf(0, at + 19)));
      const type = buffer[at + 18];
      if (name.equals(dot) || name.equals(dotDot)) continue;
      entries.push({ name, isDirectory: type === 0 ? undefined : type === 4 });
    }
  }
}

const dot = Buffer.from(".");
const dotDot = Buffer.from("..");

/** The names in the directory at `path`. */
export function listDirectory(path: string): string[] {
  using directory = openDirectory(path);
  return readDirectory(directory).map(({ name }) => name.toString());
}

/** Makes the directory at absolute `path` and those above it, as far as they are missing. A file there will do too. */
export function makeDirectories(path: string, mode: number): void {
  if (makeUnlessThere(path, mode, ["EEXIST", "ENOENT"]) !== "ENOENT") return;
  for (let end = path.indexOf("/", 1); end !== -1; end = path.indexOf("/", end + 1)) {
    makeUnlessThere(path.slice(0, end), mode, ["EEXIST"]);
  }
  makeUnlessThere(path, mode, ["EEXIST"]);
}

/** Lets everybody read and write what is at `path`. */
export function chmodShared(path: string): void {
  fchmodat(undefined, path, 0o777);
}

/** Makes the directory at `path`; false when something is there already. */
export function makeNewDirectory(path: string, mode: number): boolean {
  return makeUnlessThere(path, mode, ["EEXIST"]) === undefined;
}

function makeUnlessThere(path: string, mode: number, expected: readonly ErrnoName[]): ErrnoName | undefined {
  const result = libc.mkdirat(AT_FDCWD, encodePath(path), mode);
  return failureOf(result, { operation: "mkdirat", subject: () => path, expected });
}

/**
 * Removes `path` and all below it; does nothing when it is not there. Follows no link and enters no mount point
 * (EXDEV): what a careless mount put inside survives. Several may remove the same tree at once.
 */
export function removeTree(directory: Fd | undefined, path: Path): void {
  for (let attempts = 100; attempts > 0; attempts--) {
    try {
      removeTreeAlone(directory, path);
      return;
    } catch (error) {
      // Another took an entry away first, or put one in: what is there now is looked at anew.
      if (!failedWith(error, "ENOENT", "ENOTEMPTY") || attempts === 1) throw error;
    }
  }
}

function removeTreeAlone(directory: Fd | undefined, path: Path): void {
  const failure = tryUnlink(directory, path, ["ENOENT", "ENOTDIR", "EISDIR", "EPERM"]);
  if (failure === undefined || failure === "ENOENT" || failure === "ENOTDIR") return;
  if (removeEmpty(directory, path)) return;
  // From the parent's descriptor: the path to it may well cross mount points, only what is below may not.
  const { parent, name } = splitPath(path);
  using above = parent.length === 0 ? undefined : openat(directory, parent, O_RDONLY | O_DIRECTORY);
  emptyTree(above ?? directory, name);
  rmdirat(above ?? directory, name);
}

/** The part up to the last slash (with it, empty when there is none) and the name after it. */
function splitPath(path: Path): { parent: Buffer; name: Buffer } {
  const bytes = Buffer.from(path);
  let end = bytes.length;
  while (end > 1 && bytes[end - 1] === SLASH) end--;
  const start = bytes.lastIndexOf(SLASH, end - 1) + 1;
  return { parent: bytes.subarray(0, start), name: bytes.subarray(start, end) };
}

const SLASH = 0x2f;

function emptyTree(directory: Fd | undefined, path: Path): void {
  using top = openat2(directory, path, {
    flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
    resolve: RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
  });
  // Directories met on the way down are moved up here, so that the depth of a tree costs neither descriptors nor stack.
  let serial = 0;
  for (let left = readDirectory(top); left.length > 0; left = readDirectory(top)) {
    for (const { name, isDirectory } of left) {
      if (isDirectory !== true && removeFile(top, name)) continue;
      if (removeEmpty(top, name)) continue;
      using child = openat2(top, name, {
        flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
        resolve: RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
      });
      for (const inner of readDirectory(child)) {
        if (inner.isDirectory !== true && removeFile(child, inner.name)) continue;
        if (removeEmpty(child, inner.name)) continue;
        renameat(child, inner.name, top, `.${randomHex(8)}.${serial++}`);
      }
      rmdirat(top, name);
    }
  }
}

// Most directories are tried as files and have entries: such failures are asked for and cost no exception.
function tryUnlink(
  directory: Fd | undefined,
  path: Path,
  expected: readonly ErrnoName[],
  flags = 0,
): ErrnoName | undefined {
  const result = libc.unlinkat(numberOf(directory), encodePath(path), flags);
  return failureOf(result, { operation: "unlinkat", subject: () => displayPath(path), expected });
}

/** False when it is a directory. */
function removeFile(directory: Fd, name: Path): boolean {
  return tryUnlink(directory, name, ["EISDIR", "EPERM"]) === undefined;
}

/** False when it has entries. */
function removeEmpty(directory: Fd | undefined, name: Path): boolean {
  return tryUnlink(directory, name, ["ENOTEMPTY", "EEXIST"], AT_REMOVEDIR) === undefined;
}

/** The names in the directory at `path` on the disk: renames into it survive a power cut from here on. */
export function fsyncDirectory(path: string): void {
  using directory = openDirectory(path);
  check(libc.fsync(directory.number), "fsync", path);
}
