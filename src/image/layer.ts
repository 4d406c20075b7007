/** Applies the entries of a layer's archive to a directory, as one layer of an overlay: whiteouts, links, owners, modes, times. */

import { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY, S_IFBLK, S_IFCHR, S_IFIFO } from "../../ffi/kernel.ts";
import { CurruntError, wrap } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import {
  fchmod,
  ftruncate,
  linkat,
  mknodat,
  openat,
  pwriteAll,
  symlinkat,
  unlinkat,
  writeAll,
} from "../sys/file.ts";
import { lookup, statat } from "../sys/stat.ts";
import { fremovexattr, fsetxattr } from "../sys/xattr.ts";
import type { OverlayNamespace } from "./layer-attribute.ts";
import type { ForeignLink, PendingLinks } from "./layer-link.ts";
import { findLinkTarget, linkPending } from "./layer-link.ts";
import type { CreationOptions } from "./layer-metadata.ts";
import { applyMetadata, applyMetadataAt, closedMode, initialMode } from "./layer-metadata.ts";
import {
  cleanPath,
  isMarker,
  linkStore,
  metaPrefix,
  nameOf,
  opaqueMarker,
  parentOf,
  whiteoutPrefix,
} from "./layer-path.ts";
import type { DirectoryRecord, Place } from "./layer-tree.ts";
import { isWhiteout, LayerTree } from "./layer-tree.ts";
import { xattrBytes } from "./pax.ts";
import type { TarHandler } from "./tar.ts";
import type { TarEntry } from "./tar-entry.ts";
import type { ByteString } from "./tar-header.ts";
import { bytesOf, showBytes } from "./tar-header.ts";

export interface LayerOptions {
  /** An existing, empty directory that nobody else enters before `finish`. */
  readonly directory: string;
  /** "user" when the overlay will be mounted in a user namespace. */
  readonly namespace?: OverlayNamespace;
}

/** What a finished layer leaves to be done, and to be told. */
export interface LayerResult {
  /** Bytes of file content written. */
  readonly sizeBytes: number;
  readonly implicitDirectories: readonly Uint8Array[];
  readonly foreignLinks: readonly ForeignLink[];
  readonly warnings: readonly string[];
}

/** Takes the entries of one archive; `finish` completes the layer. Not usable after an exception. */
export class LayerWriter implements TarHandler, Disposable {
  readonly #tree: LayerTree;
  readonly #namespace: OverlayNamespace;
  readonly #metadata: CreationOptions;
  readonly #warnings = new Set<string>();
  readonly #pending: PendingLinks = new Map();
  #sizeBytes = 0;
  #attributeBytes = 0;
  #entry: TarEntry | undefined;
  /** The file that data is for. */
  #file: Fd | undefined;

  constructor({ directory, namespace = "trusted" }: LayerOptions) {
    this.#tree = new LayerTree(directory);
    this.#namespace = namespace;
    const { root } = this.#tree;
    // What files would inherit from the directory that they are made in: a group, a default ACL.
    fchmod(root, 0o700);
    fremovexattr(root, "system.posix_acl_default");
    const { gid } = statat(root, "");
    this.#metadata = {
      namespace,
      warn: (message) => void this.#warnings.add(message),
      uid: process.geteuid?.() ?? -1,
      // On a file system that takes the group from the parent (mount option grpid), none is left to chance.
      gid: gid === process.getegid?.() ? gid : -1,
      umask: process.umask(),
    };
  }

  entry(entry: TarEntry): void {
    this.#entry = entry;
    this.#about(entry.path, () => this.#apply(entry));
  }

  data(bytes: Buffer, offset: number): void {
    const [file, entry] = [this.#file, this.#entry];
    // A whiteout's or a skipped file's data goes nowhere.
    if (file === undefined || entry === undefined) return;
    this.#about(entry.path, () => (entry.sparse ? pwriteAll(file, bytes, offset) : writeAll(file, bytes)));
    this.#sizeBytes += bytes.length;
  }

  endEntry(): void {
    const [file, entry] = [this.#file, this.#entry];
    this.#file = undefined;
    if (file === undefined || entry === undefined) return;
    using _open = file;
    this.#about(entry.path, () => {
      if (entry.sparse) ftruncate(file, entry.sizeBytes);
      applyMetadata(file, entry, initialMode(entry, this.#metadata), this.#metadata);
    });
  }

  /** Runs a part of the work on an entry; a failure tells which one. */
  #about<T>(path: ByteString, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw wrap(error, `entry ${showBytes(path)}`);
    }
  }

  #apply(entry: TarEntry): void {
    const path = cleanPath(entry.path);
    if (path === "") {
      if (entry.type !== "directory") throw new CurruntError("invalid", `the root is a ${entry.type}`);
      this.#record("").metadata = entry;
    } else if (isMarker(path) && this.#applyMarker(path)) return;
    else if (entry.type === "directory") this.#applyDirectory(path, entry);
    else if (entry.type === "hardlink") this.#applyHardLink(path, entry);
    else this.#applyOther(path, entry);
  }

  #record(path: ByteString): DirectoryRecord {
    const record = this.#tree.directories.get(path);
    if (record === undefined) throw new Error(`unreachable: no record of directory ${showBytes(path)}`);
    return record;
  }

  /** Handles whiteouts of every type and AUFS's own files; false for what is an entry all the same. */
  #applyMarker(path: ByteString): boolean {
    const name = nameOf(path);
    if (name === opaqueMarker) {
      // As a parent: links to directories are followed, a missing one is made.
      const { path: inside } = this.#tree.place(`${parentOf(path)}/.`);
      this.#record(parentOf(inside)).opaque = true;
      return true;
    }
    // Files with several names were stored once by AUFS, in a directory of its own at the root: it goes at the end.
    if (path === linkStore || path.startsWith(`${linkStore}/`)) return false;
    if (path.split("/").some((component) => component.startsWith(metaPrefix))) return true;
    if (!name.startsWith(whiteoutPrefix)) return false;
    const hidden = name.slice(whiteoutPrefix.length);
    if (hidden === "" || hidden === "." || hidden === "..") {
      throw new CurruntError("invalid", `a whiteout of ${showBytes(hidden)}`);
    }
    this.#whiteOut(this.#tree.place(`${parentOf(path)}/${hidden}`));
    return true;
  }

  // Hides lower layers only: what this layer has at the place stays (image-spec, layer.md).
  #whiteOut(place: Place): void {
    this.#tree.whiteouts.add(place.path);
    const directory = this.#tree.directories.get(place.path);
    if (directory !== undefined) directory.opaque = true;
    else if (!this.#pending.has(place.path) && lookup(place.directory, place.name) === undefined) {
      mknodat(place.directory, place.name, S_IFCHR, 0, 0);
      this.#record(parentOf(place.path)).whiteouts = true;
    }
  }

  #applyDirectory(path: ByteString, entry: TarEntry): void {
    const place = this.#tree.place(path);
    const record = this.#tree.directories.get(place.path) ?? this.#tree.makeDirectory(place);
    record.metadata = entry;
    this.#attributeBytes += entry.xattrs === undefined ? 0 : xattrBytes(entry.xattrs);
    if (this.#attributeBytes > maximumAttributes) {
      throw new CurruntError(
        "invalid",
        "the directories have more extended attributes than fit into memory",
        {
          hint: "no real image has that many: do not use it",
        },
      );
    }
    this.#pending.delete(place.path);
  }

  #applyHardLink(path: ByteString, { linkPath }: TarEntry): void {
    const target = cleanPath(linkPath);
    if (target === "") throw new CurruntError("invalid", "a hard link to the root");
    const place = this.#tree.place(path);
    const found = findLinkTarget(this.#tree, target);
    if (found?.path === place.path) return;
    this.#pending.delete(place.path);
    if (found === undefined) {
      this.#tree.clear(place);
      this.#pending.set(place.path, target);
    } else this.#create(place, () => linkat(found.directory, found.name, place.directory, place.name));
  }

  #applyOther(path: ByteString, entry: TarEntry): void {
    if (entry.type === "character" && entry.major === 0 && entry.minor === 0) {
      this.#metadata.warn("a character device 0:0 is left out: overlayfs would take it for a whiteout");
      return;
    }
    const place = this.#tree.place(path);
    this.#pending.delete(place.path);
    if (entry.type === "file") {
      const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
      const mode = initialMode(entry, this.#metadata);
      this.#file = this.#create(place, () => openat(place.directory, place.name, flags, mode));
    } else if (entry.type === "symlink") {
      this.#create(place, () => symlinkat(bytesOf(entry.linkPath), place.directory, place.name));
      applyMetadataAt(place, entry, this.#metadata);
    } else if (this.#makeNode(place, entry)) applyMetadataAt(place, entry, this.#metadata);
  }

  /** Makes a pipe or a device; false when we may not. */
  #makeNode(place: Place, { type, major, minor }: TarEntry): boolean {
    const [kind, ...device] =
      type === "fifo" ? [S_IFIFO] : ([type === "block" ? S_IFBLK : S_IFCHR, major, minor] as const);
    try {
      this.#create(place, () => mknodat(place.directory, place.name, kind | closedMode, ...device));
      return true;
    } catch (error) {
      // A user namespace has no devices but those that the host gives it.
      if (type === "fifo" || !failedWith(error, "EPERM")) throw error;
      this.#metadata.warn(`device ${showBytes(place.path)} is left out: no right to make it`);
      return false;
    }
  }

  /** Makes something that must not be there yet; what is there is removed first. */
  #create<T>(place: Place, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (!failedWith(error, "EEXIST")) throw error;
      this.#tree.clear(place);
      return make();
    }
  }

  /** Links that waited, whiteouts that hide nothing, directories' owners, modes and times: what must come last. */
  finish(): LayerResult {
    const foreignLinks = linkPending(this.#tree, this.#pending);
    const store = this.#tree.find(linkStore);
    if (store !== undefined) this.#tree.clear(store);
    this.#dropHiddenWhiteouts();
    const implicitDirectories: Buffer[] = [];
    // Deepest first: a parent may become one that we cannot enter.
    for (const [path, record] of [...this.#tree.directories].reverse()) {
      this.#about(path, () => this.#finishDirectory(path, record));
      if (record.metadata === undefined) implicitDirectories.push(bytesOf(path));
    }
    implicitDirectories.reverse();
    return { sizeBytes: this.#sizeBytes, implicitDirectories, foreignLinks, warnings: [...this.#warnings] };
  }

  // Overlayfs looks for whiteouts in merged directories only: elsewhere one would be seen as a device.
  #dropHiddenWhiteouts(): void {
    for (const path of this.#tree.whiteouts) {
      if (!this.#insideOpaque(path)) continue;
      const place = this.#tree.find(path);
      const status = place === undefined ? undefined : lookup(place.directory, place.name);
      if (place === undefined || status === undefined || !isWhiteout(status)) continue;
      unlinkat(place.directory, place.name);
      this.#record(parentOf(path)).whiteouts = false;
    }
  }

  #insideOpaque(path: ByteString): boolean {
    for (let parent = path; parent !== ""; ) {
      parent = parentOf(parent);
      if (this.#tree.directories.get(parent)?.opaque === true) return true;
    }
    return false;
  }

  #finishDirectory(path: ByteString, { metadata, opaque, whiteouts }: DirectoryRecord): void {
    using directory = this.#tree.openDirectory(path);
    const overlay = `${this.#namespace}.overlay.`;
    if (opaque) fsetxattr(directory, `${overlay}opaque`, Buffer.from("y"));
    // Makes overlayfs hide whiteouts also where no lower layer has the directory ("copied up, origin unknown").
    if (whiteouts) fsetxattr(directory, `${overlay}origin`, Buffer.alloc(0));
    if (metadata === undefined) fchmod(directory, 0o755);
    else applyMetadata(directory, metadata, newDirectoryMode, this.#metadata);
  }

  [Symbol.dispose](): void {
    this.#file?.close();
    this.#tree[Symbol.dispose]();
  }
}

const newDirectoryMode = 0o700;
/** Bytes of attributes of directories, which are kept until the end. A small archive can hold gigabytes of them, compressed. */
const maximumAttributes = 64 << 20;
