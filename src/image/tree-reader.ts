/** Reads what is in a directory of a tree, by descriptor, whatever others do to the tree meanwhile. */
import {
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "../../ffi/kernel.ts";
import { readDirectory } from "../sys/directory.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { openat, readlinkat } from "../sys/file.ts";
import type { Status } from "../sys/stat.ts";
import { statat } from "../sys/stat.ts";
import { fgetxattr, flistxattr, getxattrat, listxattrat } from "../sys/xattr.ts";
import { archivedName } from "./layer-attribute.ts";
import { isWhiteout } from "./layer-directory.ts";
import type { EntryType, TarEntry } from "./tar-entry.ts";
import type { ByteString } from "./tar-header.ts";

/** How a directory tree says what is gone: not at all, or with overlayfs's marks. */
export type TreeForm = "tree" | "layer";

/** What a name in a directory is. */
export interface Found {
  readonly entry: TarEntry;
  readonly status: Status;
  /** Of a regular file or a directory, open for reading. The caller closes it. */
  readonly file?: Fd;
}

const types: Readonly<Record<number, EntryType | undefined>> = {
  [S_IFREG]: "file",
  [S_IFDIR]: "directory",
  [S_IFLNK]: "symlink",
  [S_IFCHR]: "character",
  [S_IFBLK]: "block",
  [S_IFIFO]: "fifo",
};

/**
 * Reads `name` in `directory` as the entry `path`; undefined when it is gone, changed while we looked, or is a socket, which means nothing
 * without its process. No link is followed, and nothing is opened before it is known to be a file or a directory: opening a device can have
 * effects, opening a pipe waits.
 */
export function readEntry(
  directory: Fd,
  name: Uint8Array | ".",
  path: ByteString,
  form: TreeForm,
): Found | undefined {
  try {
    const seen = statat(directory, name);
    const type = types[seen.mode & S_IFMT];
    if (type === undefined) return undefined;
    if (type !== "file" && type !== "directory") {
      return readSpecial(directory, name, { path, type, status: seen, form });
    }
    using undo = new DisposableStack();
    const file = undo.use(type === "file" ? openFile(directory, name) : openDirectoryAt(directory, name));
    const status = statat(file, "");
    if (types[status.mode & S_IFMT] !== type) return undefined;
    const xattrs = readAttributes(flistxattr(file), form, (key) => fgetxattr(file, key));
    undo.move();
    return { entry: entryOf({ path, type, status }, xattrs, ""), status, file };
  } catch (error) {
    // What is something else by now, or is not there any more.
    if (failedWith(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
}

/** A regular file, or what has taken its place: that is held, but not opened. */
function openFile(directory: Fd, name: Uint8Array | "."): Fd {
  using undo = new DisposableStack();
  const held = undo.use(openat(directory, name, O_PATH | O_NOFOLLOW));
  if ((statat(held, "").mode & S_IFMT) === S_IFREG)
    return openat(undefined, `/proc/self/fd/${held.number}`, O_RDONLY);
  undo.move();
  return held;
}

function openDirectoryAt(directory: Fd, name: Uint8Array | "."): Fd {
  return openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

interface Seen {
  readonly path: ByteString;
  readonly type: EntryType;
  readonly status: Status;
}

function readSpecial(directory: Fd, name: Uint8Array | ".", seen: Seen & { readonly form: TreeForm }): Found {
  const linkPath = seen.type === "symlink" ? readlinkat(directory, name).toString("latin1") : "";
  const xattrs = readAttributes(listxattrat(directory, name), seen.form, (key) =>
    getxattrat(directory, name, key),
  );
  return { entry: entryOf(seen, xattrs, linkPath), status: seen.status };
}

function readAttributes(
  names: readonly Buffer[],
  form: TreeForm,
  read: (name: Buffer) => Buffer | undefined,
): Map<ByteString, Buffer> | undefined {
  const found = new Map<ByteString, Buffer>();
  for (const name of names) {
    const archived = archivedName(name.toString("latin1"), { escaped: form === "layer" });
    // A record's keyword ends at its first "=".
    if (archived === undefined || archived.includes("=")) continue;
    const value = read(name);
    if (value !== undefined) found.set(archived, value);
  }
  return found.size === 0 ? undefined : found;
}

function entryOf({ path, type, status }: Seen, xattrs: TarEntry["xattrs"], linkPath: ByteString): TarEntry {
  const { mode, uid, gid, sizeBytes, modified, major, minor } = status;
  const isDevice = type === "character" || type === "block";
  return {
    type,
    path,
    linkPath,
    mode: mode & 0o7777,
    uid,
    gid,
    sizeBytes: type === "file" ? sizeBytes : 0,
    modified,
    accessed: undefined,
    major: isDevice ? major : 0,
    minor: isDevice ? minor : 0,
    xattrs,
    sparse: false,
  };
}

/** What overlayfs's marks on a directory say. */
export interface DirectoryMarks {
  /** It hides what lower layers have in it. */
  readonly opaque: boolean;
  /** Whiteouts in it may be empty files with an attribute (Linux 6.7). */
  readonly xattrWhiteouts: boolean;
  /** What it shows of lower layers comes from another place: a directory that was renamed. */
  readonly redirected: boolean;
}

/** Those of a directory that has none. */
export const noMarks: DirectoryMarks = { opaque: false, xattrWhiteouts: false, redirected: false };

/** The marks on an open directory of a layer. */
export function readMarks(directory: Fd): DirectoryMarks {
  const opaque = fgetxattr(directory, "trusted.overlay.opaque")?.toString();
  return {
    opaque: opaque === "y",
    xattrWhiteouts: opaque === "x",
    redirected: fgetxattr(directory, "trusted.overlay.redirect") !== undefined,
  };
}

/** Whether `name` in a directory with `marks` stands for the removal of what lower layers have there. */
export function isRemoval(
  directory: Fd,
  name: Uint8Array,
  status: Status,
  { xattrWhiteouts }: DirectoryMarks,
): boolean {
  if (isWhiteout(status)) return true;
  const empty = (status.mode & S_IFMT) === S_IFREG && status.sizeBytes === 0;
  return xattrWhiteouts && empty && getxattrat(directory, name, "trusted.overlay.whiteout") !== undefined;
}

/** The names in the order of their bytes; none in a directory that was removed meanwhile. */
export function namesIn(directory: Fd): Buffer[] {
  try {
    return readDirectory(directory)
      .map(({ name }) => name)
      .sort(Buffer.compare);
  } catch (error) {
    if (failedWith(error, "ENOENT")) return [];
    throw error;
  }
}

/** The directory `name`, open; undefined when it is none, or gone. */
export function openSubdirectory(directory: Fd, name: Uint8Array): Fd | undefined {
  try {
    return openDirectoryAt(directory, name);
  } catch (error) {
    if (failedWith(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
}
