/** Applies the entries of a layer's archive to a directory, as one layer of an overlay: whiteouts, links, owners, modes, times. */

import { CurruntError, wrap } from "../base/error.ts";
import type { ForeignLink, PendingLinks } from "./layer-link.ts";
import { findLinkTarget, linkPending } from "./layer-link.ts";
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
import type { DirectoryRecord, LayerTarget, Place } from "./layer-target.ts";
import { LayerTree } from "./layer-tree.ts";
import { xattrBytes } from "./pax.ts";
import type { TarHandler } from "./tar.ts";
import type { TarEntry } from "./tar-entry.ts";
import type { ByteString } from "./tar-header.ts";
import { bytesOf, showBytes } from "./tar-header.ts";

/** What the archive leaves to be taken from the layers below. */
export interface LayerGaps {
  /** Directories that the archive did not list ("" is the root), parents first: bytes, relative, without a leading slash. */
  readonly implicitDirectories: readonly Uint8Array[];
  /** Hard links to files that only a layer below has. */
  readonly foreignLinks: readonly ForeignLink[];
}

/** Takes the entries of one archive; `settle`, then `finish` complete the layer. Not usable after an exception. */
export class LayerWriter implements TarHandler, Disposable {
  readonly #tree: LayerTree;
  readonly #target: LayerTarget;
  readonly #warn: (message: string) => void;
  readonly #pending: PendingLinks = new Map();
  #sizeBytes = 0;
  #attributeBytes = 0;
  #entry: TarEntry | undefined;
  /** Whether the entry's data goes into a file: a whiteout's or a skipped one's goes nowhere. */
  #writing = false;

  /** `target` is the writer's own from now on. */
  constructor(target: LayerTarget, warn: (message: string) => void = () => undefined) {
    this.#target = target;
    this.#tree = new LayerTree(target);
    this.#warn = warn;
  }

  /** Bytes of file content written. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get tree(): LayerTree {
    return this.#tree;
  }

  entry(entry: TarEntry): void {
    this.#entry = entry;
    this.#about(entry.path, () => this.#apply(entry));
  }

  data(bytes: Buffer, offset: number): void {
    const entry = this.#entry;
    if (!this.#writing || entry === undefined) return;
    this.#about(entry.path, () => this.#target.write(bytes, offset, entry));
    this.#sizeBytes += bytes.length;
  }

  endEntry(): void {
    const entry = this.#entry;
    if (!this.#writing || entry === undefined) return;
    this.#writing = false;
    this.#about(entry.path, () => this.#target.endFile(entry));
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
      const inside = this.#tree.placeToHide(`${parentOf(path)}/.`);
      if (inside !== undefined) this.#record(inside.parent).opaque = true;
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
    const place = this.#tree.placeToHide(`${parentOf(path)}/${hidden}`);
    if (place !== undefined) this.#whiteOut(place);
    return true;
  }

  // Hides lower layers only: what this layer has at the place stays (image-spec, layer.md).
  #whiteOut(place: Place): void {
    this.#tree.whiteouts.add(place.path);
    const directory = this.#tree.directories.get(place.path);
    if (directory !== undefined) directory.opaque = true;
    else if (!this.#pending.has(place.path) && this.#target.lookup(place) === undefined) {
      this.#target.makeWhiteout(place);
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
    } else this.#tree.make(place, () => this.#target.makeHardLink(found, place));
  }

  #applyOther(path: ByteString, entry: TarEntry): void {
    if (entry.type === "character" && entry.major === 0 && entry.minor === 0) {
      this.#warn("a character device 0:0 is left out: overlayfs would take it for a whiteout");
      return;
    }
    const place = this.#tree.place(path);
    this.#pending.delete(place.path);
    this.#tree.make(place, () => {
      if (entry.type === "file") this.#target.makeFile(place, entry);
      else if (entry.type === "symlink") this.#target.makeSymlink(place, entry);
      else this.#target.makeNode(place, entry);
    });
    this.#writing = entry.type === "file";
  }

  /** After the last entry: makes the links that waited, and tells what only the layers below can give. */
  settle(): LayerGaps {
    const foreignLinks = linkPending(this.#tree, this.#pending);
    const store = this.#tree.find(linkStore);
    if (store !== undefined) this.#tree.clear(store);
    const implicitDirectories = [...this.#tree.directories].flatMap(([path, { metadata }]) =>
      metadata === undefined ? [bytesOf(path)] : [],
    );
    return { implicitDirectories, foreignLinks };
  }

  /** Whiteouts that hide nothing, directories' owners, modes and times: what must come last. */
  finish(): void {
    this.#dropHiddenWhiteouts();
    // Deepest first: a parent may become one that we cannot enter.
    for (const [path, record] of [...this.#tree.directories].reverse()) {
      this.#about(path, () => this.#target.finishDirectory(path, record));
    }
    this.#target.finish();
  }

  // Overlayfs looks for whiteouts in merged directories only: elsewhere one would be seen as a device.
  #dropHiddenWhiteouts(): void {
    for (const path of this.#tree.whiteouts) {
      if (!this.#insideOpaque(path)) continue;
      const place = this.#tree.find(path);
      if (place === undefined || this.#target.lookup(place) !== "whiteout") continue;
      this.#target.remove(place, []);
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

  [Symbol.dispose](): void {
    this.#target[Symbol.dispose]();
  }
}

/** Bytes of attributes of directories, which are kept until the end. A small archive can hold gigabytes of them, compressed. */
const maximumAttributes = 64 << 20;
