/** Completes an unpacked layer from the layers below it: directories it did not list, hard links to files that it does not have. */
import {
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "../../ffi/kernel.ts";
import { CurruntError, wrap } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import {
  copyData,
  futimens,
  linkat,
  mknodat,
  openat,
  openat2,
  openDirectory,
  readlinkat,
  symlinkat,
} from "../sys/file.ts";
import type { Status } from "../sys/stat.ts";
import { lookup, statat } from "../sys/stat.ts";
import { getxattrat, listxattrat } from "../sys/xattr.ts";
import type { UnpackedLayer } from "./apply.ts";
import type { OverlayNamespace } from "./layer-attribute.ts";
import type { ForeignLink } from "./layer-link.ts";
import { applyMetadata, applyMetadataAt } from "./layer-metadata.ts";
import { nameOf, parentOf } from "./layer-path.ts";
import { isWhiteout } from "./layer-tree.ts";
import { mountSnapshot } from "./snapshot.ts";
import type { EntryType, TarEntry } from "./tar-entry.ts";
import type { ByteString } from "./tar-header.ts";
import { bytesOf, showBytes } from "./tar-header.ts";

/**
 * Gives implicit directories the owner, mode, attributes and times that they have below, and makes links to files below as copies.
 * `lowers`: directories of the layers below, top first. Needed only when one of the two lists is not empty.
 */
export function finishLayer(
  directory: string,
  layer: Pick<UnpackedLayer, "implicitDirectories" | "foreignLinks">,
  lowers: readonly string[],
  namespace: OverlayNamespace = "trusted",
): void {
  const { implicitDirectories, foreignLinks } = layer;
  if (lowers.length === 0 && foreignLinks.length === 0) return;
  using root = openDirectory(directory);
  using below = lowers.length === 0 ? undefined : mountSnapshot({ lowers, namespace });
  const finisher = { root, below, namespace };
  for (const path of implicitDirectories) {
    about(path, () => adoptDirectory(finisher, Buffer.from(path).toString("latin1")));
  }
  for (const { path, target } of foreignLinks) about(path, () => adoptFile(finisher, { path, target }));
}

interface Finisher {
  readonly root: Fd;
  /** The merged view of the layers below. */
  readonly below: Fd | undefined;
  readonly namespace: OverlayNamespace;
}

function about(path: Uint8Array, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw wrap(error, `entry ${showBytes(Buffer.from(path).toString("latin1"))}`);
  }
}

/** A directory of the layer itself: no link leads there. */
function openOwn({ root }: Finisher, path: ByteString): Fd {
  const name = path === "" ? "." : bytesOf(path);
  return openat2(root, name, {
    flags: O_RDONLY | O_DIRECTORY,
    resolve: RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
  });
}

function adoptDirectory(finisher: Finisher, path: ByteString): void {
  const { below, namespace } = finisher;
  using source = below === undefined ? undefined : openBelow(below, path, RESOLVE_NO_SYMLINKS);
  if (source === undefined) return;
  const status = statat(source, "");
  if ((status.mode & S_IFMT) !== S_IFDIR) return;
  using directory = openOwn(finisher, path);
  const entry = entryOf(status, "directory", readAttributes(source, "."));
  applyMetadata(directory, entry, -1, { namespace, warn: ignore, uid: -1, gid: -1 });
}

/** Warnings about attributes are those of the layer below: they were told when that was unpacked. */
function ignore(): void {}

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

/** Makes `link.path` from what `link.target` is: in this layer by now, or below. */
function adoptFile(finisher: Finisher, { path: link, target: to }: ForeignLink): void {
  const path = Buffer.from(link).toString("latin1");
  const target = Buffer.from(to).toString("latin1");
  using parent = openOwn(finisher, parentOf(path));
  const before = statat(parent, "");
  const name = bytesOf(nameOf(path));
  if (!linkOwn(finisher, target, parent, name)) copyFromBelow(finisher, target, parent, name);
  futimens(parent, before.accessed, before.modified);
}

/** An earlier one of these links may have brought the target, or be it. */
function linkOwn(finisher: Finisher, target: ByteString, parent: Fd, name: Buffer): boolean {
  try {
    using directory = openOwn(finisher, parentOf(target));
    const status = lookup(directory, bytesOf(nameOf(target)));
    if (status === undefined || isWhiteout(status)) return false;
    linkat(directory, bytesOf(nameOf(target)), parent, name);
    return true;
  } catch (error) {
    if (failedWith(error, "ENOENT", "ENOTDIR", "ELOOP")) return false;
    throw error;
  }
}

function copyFromBelow({ below, namespace }: Finisher, target: ByteString, parent: Fd, name: Buffer): void {
  // Links on the way are followed, within the layers; the last name is not.
  using directory = below === undefined ? undefined : openBelow(below, parentOf(target), 0);
  const source = bytesOf(nameOf(target));
  const status = directory === undefined ? undefined : lookup(directory, source);
  if (directory === undefined || status === undefined || isWhiteout(status)) {
    throw new CurruntError("invalid", `a hard link to ${showBytes(target)}, which is in no layer`);
  }
  const xattrs = readAttributes(directory, source);
  const options = { namespace, warn: ignore, uid: -1, gid: -1 };
  const kind = status.mode & S_IFMT;
  if (kind === S_IFREG) {
    using from = openat(directory, source, O_RDONLY | O_NOFOLLOW);
    using to = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    copyData(from, to);
    applyMetadata(to, entryOf(status, "file", xattrs), -1, options);
    return;
  }
  if (kind === S_IFDIR)
    throw new CurruntError("invalid", `a hard link to ${showBytes(target)}, which is a directory`);
  if (kind === S_IFLNK) symlinkat(readlinkat(directory, source), parent, name);
  else mknodat(parent, name, kind | 0o600, status.major, status.minor);
  const entry = entryOf(status, kind === S_IFLNK ? "symlink" : "fifo", xattrs);
  applyMetadataAt({ directory: parent, name, path: "" }, entry, options);
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
