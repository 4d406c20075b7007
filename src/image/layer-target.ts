/** What a layer is made in: a directory of a file system, or an image of one that is written as the archive passes. */
import type { Fd } from "../sys/fd.ts";
import type { TarEntry } from "./tar-entry.ts";
import type { ByteString } from "./tar-header.ts";

/** How a layer is stored: as a directory, or as an EROFS image in one file. */
export type LayerFormat = "directory" | "erofs";

/** Where an entry goes. */
export interface Place {
  /** Path of a directory of the layer, without links. */
  readonly parent: ByteString;
  readonly name: ByteString;
  /** Both together: the same for every way to write it. */
  readonly path: ByteString;
}

/** What can be at a place. */
export type Found = "directory" | "symlink" | "whiteout" | "other";

/** What is to be done to a directory once all is in it: entries change its time, and its mode might keep them out. */
export interface DirectoryRecord {
  /** Its entry; undefined for one that only the names of other entries tell of. */
  metadata: TarEntry | undefined;
  /** Hides what lower layers have in it. */
  opaque: boolean;
  /** Has whiteouts in it. */
  whiteouts: boolean;
  /** Paths of the directories in it, of gone ones too. */
  readonly children: ByteString[];
}

/** Whatever is made must not be there yet: EEXIST else. The parent is always there, a directory. */
export interface LayerTarget extends Disposable {
  lookup(place: Place): Found | undefined;
  /** The target of a symbolic link. */
  readLink(place: Place): ByteString;
  /** Nobody else can look inside until `finishDirectory`. */
  makeDirectory(place: Place): void;
  /** Makes a file; `write` and `endFile` are about it until the next one. */
  makeFile(place: Place, entry: TarEntry): void;
  /** `bytes` is read before this returns. Without gaps, unless the entry is sparse. */
  write(bytes: Buffer, offset: number, entry: TarEntry): void;
  endFile(entry: TarEntry): void;
  makeSymlink(place: Place, entry: TarEntry): void;
  /** Makes a pipe or a device; false when that is left out, with a warning. */
  makeNode(place: Place, entry: TarEntry): boolean;
  /** A second name for what is at `target`. */
  makeHardLink(target: Place, place: Place): void;
  makeWhiteout(place: Place): void;
  /** Makes a file with the content of `source`, whose size is the entry's. */
  copyFile(place: Place, entry: TarEntry, source: Fd): void;
  /** Removes what is there, if anything, with all that is in it. `directories`: the paths of all directories at and below `place`. */
  remove(place: Place, directories: readonly ByteString[]): void;
  /** Owner, mode, attributes and times; children come before parents. */
  finishDirectory(path: ByteString, record: DirectoryRecord): void;
  /** The last call: the layer is complete. */
  finish(): void;
}
