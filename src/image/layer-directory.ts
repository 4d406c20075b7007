/** A layer as a directory of a file system, as overlayfs takes it. */
import {
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
} from "../../ffi/kernel.ts";
import { removeTree } from "../sys/directory.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import {
  copyData,
  fchmod,
  ftruncate,
  linkat,
  mkdirat,
  mknodat,
  openat,
  openat2,
  openDirectory,
  pwriteAll,
  readlinkat,
  symlinkat,
  writeAll,
} from "../sys/file.ts";
import { readUmask } from "../sys/process.ts";
import type { Status } from "../sys/stat.ts";
import { lookup, statat } from "../sys/stat.ts";
import { fremovexattr, fsetxattr } from "../sys/xattr.ts";
import type { OverlayNamespace } from "./layer-attribute.ts";
import type { CreationOptions } from "./layer-metadata.ts";
import { applyMetadata, applyMetadataAt, closedMode, initialMode } from "./layer-metadata.ts";
import type { DirectoryRecord, Found, LayerTarget, Place } from "./layer-target.ts";
import type { TarEntry } from "./tar-entry.ts";
import type { ByteString } from "./tar-header.ts";
import { bytesOf, showBytes } from "./tar-header.ts";

export interface LayerDirectoryOptions {
  /** An existing, empty directory that nobody else enters before the layer is complete. */
  readonly path: string;
  readonly namespace: OverlayNamespace;
  readonly warn: (message: string) => void;
}

const newDirectoryMode = 0o700;
/** Descriptors of directories that are kept: archives return to the parents of what they have just walked. */
const maximumOpen = 64;

export class LayerDirectory implements LayerTarget {
  readonly #root: Fd;
  readonly #options: CreationOptions;
  /** The one used last is the last one in it. */
  readonly #open = new Map<ByteString, Fd>();
  #latest: ByteString = "";
  #latestDirectory: Fd | undefined;
  /** The file that data is for. */
  #file: Fd | undefined;

  constructor({ path, namespace, warn }: LayerDirectoryOptions) {
    const root = openDirectory(path);
    this.#root = root;
    // What files would inherit from the directory that they are made in: a group, a default ACL.
    fchmod(root, newDirectoryMode);
    fremovexattr(root, "system.posix_acl_default");
    const { gid } = statat(root, "");
    this.#options = {
      namespace,
      warn,
      uid: process.geteuid?.() ?? -1,
      // On a file system that takes the group from the parent (mount option grpid), none is left to chance.
      gid: gid === process.getegid?.() ? gid : -1,
      umask: readUmask(),
    };
  }

  lookup(place: Place): Found | undefined {
    const status = lookup(this.#directory(place.parent), bytesOf(place.name));
    if (status === undefined) return undefined;
    const kind = status.mode & S_IFMT;
    if (kind === S_IFDIR) return "directory";
    if (kind === S_IFLNK) return "symlink";
    return isWhiteout(status) ? "whiteout" : "other";
  }

  readLink({ parent, name }: Place): ByteString {
    return readlinkat(this.#directory(parent), bytesOf(name)).toString("latin1");
  }

  makeDirectory({ parent, name }: Place): void {
    mkdirat(this.#directory(parent), bytesOf(name), newDirectoryMode);
  }

  makeFile({ parent, name }: Place, entry: TarEntry): void {
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    this.#file = openat(this.#directory(parent), bytesOf(name), flags, initialMode(entry, this.#options));
  }

  write(bytes: Buffer, offset: number, { sparse }: TarEntry): void {
    if (this.#file === undefined) return;
    if (sparse) pwriteAll(this.#file, bytes, offset);
    else writeAll(this.#file, bytes);
  }

  endFile(entry: TarEntry): void {
    if (this.#file === undefined) return;
    using file = this.#file;
    this.#file = undefined;
    if (entry.sparse) ftruncate(file, entry.sizeBytes);
    applyMetadata(file, entry, initialMode(entry, this.#options), this.#options);
  }

  makeSymlink({ parent, name }: Place, entry: TarEntry): void {
    const directory = this.#directory(parent);
    symlinkat(bytesOf(entry.linkPath), directory, bytesOf(name));
    applyMetadataAt({ directory, name: bytesOf(name) }, entry, this.#options);
  }

  makeNode({ parent, name, path }: Place, entry: TarEntry): boolean {
    const { type, major, minor } = entry;
    const [kind, ...device] =
      type === "fifo" ? [S_IFIFO] : ([type === "block" ? S_IFBLK : S_IFCHR, major, minor] as const);
    const directory = this.#directory(parent);
    try {
      mknodat(directory, bytesOf(name), kind | closedMode, ...device);
    } catch (error) {
      // A user namespace has no devices but those that the host gives it.
      if (type === "fifo" || !failedWith(error, "EPERM")) throw error;
      this.#options.warn(`device ${showBytes(path)} is left out: no right to make it`);
      return false;
    }
    applyMetadataAt({ directory, name: bytesOf(name) }, entry, this.#options);
    return true;
  }

  makeHardLink(target: Place, place: Place): void {
    const directory = this.#directory(target.parent);
    linkat(directory, bytesOf(target.name), this.#directory(place.parent), bytesOf(place.name));
  }

  makeWhiteout({ parent, name }: Place): void {
    mknodat(this.#directory(parent), bytesOf(name), S_IFCHR, 0, 0);
  }

  copyFile(place: Place, entry: TarEntry, source: Fd): void {
    this.makeFile(place, entry);
    if (this.#file !== undefined) copyData(source, this.#file);
    this.endFile(entry);
  }

  remove({ parent, name }: Place, directories: readonly ByteString[]): void {
    for (const path of directories) this.#close(path);
    removeTree(this.#directory(parent), bytesOf(name));
  }

  finishDirectory(path: ByteString, { metadata, opaque, whiteouts }: DirectoryRecord): void {
    using directory = openat2(this.#root, path === "" ? "." : bytesOf(path), {
      flags: O_RDONLY | O_DIRECTORY,
      resolve: resolution,
    });
    const overlay = `${this.#options.namespace}.overlay.`;
    if (opaque) fsetxattr(directory, `${overlay}opaque`, Buffer.from("y"));
    // Makes overlayfs hide whiteouts also where no lower layer has the directory ("copied up, origin unknown").
    if (whiteouts) fsetxattr(directory, `${overlay}origin`, Buffer.alloc(0));
    if (metadata === undefined) fchmod(directory, 0o755);
    else applyMetadata(directory, metadata, newDirectoryMode, this.#options);
  }

  finish(): void {
    this[Symbol.dispose]();
  }

  #close(path: ByteString): void {
    this.#open.get(path)?.close();
    this.#open.delete(path);
  }

  /** A descriptor for names in a directory. It stays open at least until as many others were asked for as are kept. */
  #directory(path: ByteString): Fd {
    if (path === this.#latest && this.#latestDirectory?.closed === false) return this.#latestDirectory;
    const known = this.#open.get(path);
    this.#open.delete(path);
    const directory =
      known ??
      openat2(this.#root, path === "" ? "." : bytesOf(path), {
        flags: O_PATH | O_DIRECTORY,
        resolve: resolution,
      });
    this.#open.set(path, directory);
    if (this.#open.size > maximumOpen) {
      const [oldest = ""] = this.#open.keys();
      this.#close(oldest);
    }
    this.#latest = path;
    this.#latestDirectory = directory;
    return directory;
  }

  [Symbol.dispose](): void {
    this.#file?.close();
    for (const directory of this.#open.values()) directory.close();
    this.#open.clear();
    this.#root.close();
  }
}

/** The paths of records are resolved: whatever follows a link after all, or leaves the layer, is refused by the kernel. */
const resolution = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;

/** True for overlayfs's whiteout: a character device 0:0. */
export function isWhiteout({ mode, major, minor }: Status): boolean {
  return (mode & S_IFMT) === S_IFCHR && major === 0 && minor === 0;
}
