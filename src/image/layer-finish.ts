/** Completes a layer from the layers below it: directories it did not list, hard links to files that it does not have. */
import {
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "../../ffi/kernel.ts";
import { CurruntError, wrap } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { openat, openat2, readlinkat } from "../sys/file.ts";
import type { Status } from "../sys/stat.ts";
import { lookup, statat } from "../sys/stat.ts";
import { getxattrat, listxattrat } from "../sys/xattr.ts";
import type { LayerGaps } from "./layer.ts";
import type { OverlayNamespace } from "./layer-attribute.ts";
import { isWhiteout } from "./layer-directory.ts";
import { linkNow } from "./layer-link.ts";
import { nameOf, parentOf } from "./layer-path.ts";
import type { LayerTree } from "./layer-tree.ts";
import { mountSnapshot } from "./snapshot.ts";
import type { EntryType, TarEntry } from "./tar-entry.ts";
import type { ByteString } from "./tar-header.ts";
import { bytesOf, showBytes } from "./tar-header.ts";

/**
 * Gives implicit directories the owner, mode, attributes and times that they have below, and makes links to files below as copies.
 * `lowers`: the layers below, top first. For a writer that is settled, but not finished.
 */
export function fillGaps(
  tree: LayerTree,
  { implicitDirectories, foreignLinks }: LayerGaps,
  lowers: readonly string[],
  namespace: OverlayNamespace = "trusted",
): void {
  if (lowers.length === 0 && foreignLinks.length === 0) return;
  // The root of all layers together is that of the top one: nothing has to be stacked for it, which most layers leave out.
  const isRootOnly = foreignLinks.length === 0 && implicitDirectories.every((path) => path.length === 0);
  const needed = isRootOnly ? lowers.slice(0, 1) : lowers;
  using below = needed.length === 0 ? undefined : mountSnapshot({ lowers: needed, namespace });
  // A single layer is shown as it is, with the attributes that overlayfs would keep to itself.
  const hidden = needed.length === 1 ? `${namespace}.overlay.` : undefined;
  for (const path of implicitDirectories) {
    about(path, (name) => adoptDirectory(tree, below, name, hidden));
  }
  for (const { path, target } of foreignLinks) {
    about(path, (name) => adoptFile(tree, below, name, Buffer.from(target).toString("latin1")));
  }
}

function about(path: Uint8Array, work: (path: ByteString) => void): void {
  const name = Buffer.from(path).toString("latin1");
  try {
    work(name);
  } catch (error) {
    throw wrap(error, `entry ${showBytes(name)}`);
  }
}

function adoptDirectory(
  { directories }: LayerTree,
  below: Fd | undefined,
  path: ByteString,
  hidden: ByteString | undefined,
): void {
  using source = below === undefined ? undefined : openBelow(below, path, RESOLVE_NO_SYMLINKS);
  const record = directories.get(path);
  if (source === undefined || record === undefined) return;
  const status = statat(source, "");
  if ((status.mode & S_IFMT) !== S_IFDIR) return;
  const attributes = readAttributes(source, ".");
  record.metadata = entryOf(
    status,
    "directory",
    hidden === undefined ? attributes : shownByOverlay(attributes, hidden),
  );
}

/** Attributes as overlayfs shows them: its own are not seen, those that were escaped have their own names. */
function shownByOverlay(
  attributes: ReadonlyMap<ByteString, Buffer>,
  hidden: ByteString,
): Map<ByteString, Buffer> {
  const escaped = `${hidden}overlay.`;
  return new Map(
    [...attributes].flatMap(([name, value]) => {
      if (name.startsWith(escaped)) return [[`${hidden}${name.slice(escaped.length)}`, value] as const];
      return name.startsWith(hidden) ? [] : [[name, value] as const];
    }),
  );
}

function openBelow(below: Fd, path: ByteString, resolve: number): Fd | undefined {
  try {
    return openat2(below, path === "" ? "." : bytesOf(path), {
      flags: O_PATH,
      resolve: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve,
    });
  } catch (error) {
    if (failedWith(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
}

/** Makes `path` from what `target` is: in this layer by now, or below. */
function adoptFile(tree: LayerTree, below: Fd | undefined, path: ByteString, target: ByteString): void {
  // An earlier one of these links may have brought the target, or be it.
  if (linkNow(tree, path, target)) return;
  // Links on the way are followed, within the layers; the last name is not.
  using directory = below === undefined ? undefined : openBelow(below, parentOf(target), 0);
  const source = bytesOf(nameOf(target));
  const status = directory === undefined ? undefined : lookup(directory, source);
  if (directory === undefined || status === undefined || isWhiteout(status)) {
    throw new CurruntError("invalid", `a hard link to ${showBytes(target)}, which is in no layer`);
  }
  if ((status.mode & S_IFMT) === S_IFDIR)
    throw new CurruntError("invalid", `a hard link to ${showBytes(target)}, which is a directory`);
  copyFromBelow(tree, path, directory, source, status);
}

function copyFromBelow(
  tree: LayerTree,
  path: ByteString,
  directory: Fd,
  source: Buffer,
  status: Status,
): void {
  const { target } = tree;
  const to = tree.place(path);
  // A later entry made a directory of it, for what is in there.
  if (target.lookup(to) !== undefined) return;
  const xattrs = readAttributes(directory, source);
  const kind = status.mode & S_IFMT;
  if (kind === S_IFREG) {
    using file = openat(directory, source, O_RDONLY | O_NOFOLLOW);
    target.copyFile(to, entryOf(status, "file", xattrs), file);
  } else if (kind === S_IFLNK) {
    const linkPath = readlinkat(directory, source).toString("latin1");
    target.makeSymlink(to, { ...entryOf(status, "symlink", xattrs), linkPath });
  } else {
    const type = kind === S_IFCHR ? "character" : kind === S_IFBLK ? "block" : "fifo";
    target.makeNode(to, entryOf(status, type, xattrs));
  }
}

function readAttributes(directory: Fd, name: Buffer | string): Map<ByteString, Buffer> {
  const found = new Map<ByteString, Buffer>();
  for (const key of listxattrat(directory, name)) {
    const value = getxattrat(directory, name, key);
    if (value !== undefined) found.set(key.toString("latin1"), value);
  }
  return found;
}

function entryOf(status: Status, type: EntryType, xattrs: Map<ByteString, Buffer>): TarEntry {
  const { uid, gid, mode, modified, accessed, sizeBytes, major, minor } = status;
  return {
    type,
    path: "",
    linkPath: "",
    mode: mode & 0o7777,
    uid,
    gid,
    sizeBytes,
    modified,
    accessed,
    major,
    minor,
    xattrs,
    sparse: false,
  };
}
