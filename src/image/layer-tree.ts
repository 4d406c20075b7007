/** The directory that a layer is unpacked into: finds parents without ever leaving it, makes missing ones, remembers them. */

import {
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  S_IFCHR,
  S_IFLNK,
  S_IFMT,
} from "../../ffi/kernel.ts";
import { CurruntError } from "../base/error.ts";
import { removeTree } from "../sys/directory.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { mkdirat, openat2, openDirectory, readlinkat } from "../sys/file.ts";
import type { Status } from "../sys/stat.ts";
import { lookup } from "../sys/stat.ts";
import { joinPath, nameOf, parentOf } from "./layer-path.ts";
import type { TarEntry } from "./tar-entry.ts";
import type { ByteString } from "./tar-header.ts";
import { bytesOf, showBytes } from "./tar-header.ts";

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

function newRecord(opaque: boolean): DirectoryRecord {
  return { metadata: undefined, opaque, whiteouts: false, children: [] };
}

/** Where an entry goes. */
export interface Place {
  /** Lent for one call: the tree keeps a limited number of descriptors open. */
  readonly directory: Fd;
  readonly name: Buffer;
  /** The path with all links of its parents resolved: the same for every way to write it. */
  readonly path: ByteString;
}

/** Links that are followed at most in one path, as in the kernel. */
const maximumLinks = 40;
/** Descriptors of directories that are kept: archives return to the parents of what they have just walked. */
const maximumOpen = 64;

export class LayerTree implements Disposable {
  readonly root: Fd;
  /** Every directory of the layer, by resolved path. */
  readonly directories = new Map<ByteString, DirectoryRecord>();
  /** Paths that a whiteout was seen for: a directory made there must not show what lower layers have. */
  readonly whiteouts = new Set<ByteString>();
  /** The one used last is the last one in it. */
  readonly #open = new Map<ByteString, Fd>();
  #latest: ByteString = "";
  #latestDirectory: Fd | undefined;

  /** `path`: an existing, empty directory. */
  constructor(path: string) {
    this.root = openDirectory(path);
    this.directories.set("", newRecord(false));
  }

  /** The place of `path` (cleaned, not the root). Makes missing parents, and replaces parents that are no directories. */
  place(path: ByteString): Place {
    const parent = this.#resolve(parentOf(path), true) ?? "";
    return this.#placeIn(parent, nameOf(path));
  }

  /** The place of `path`, if its parent exists in this layer. */
  find(path: ByteString): Place | undefined {
    const parent = this.#resolve(parentOf(path), false);
    return parent === undefined ? undefined : this.#placeIn(parent, nameOf(path));
  }

  #placeIn(parent: ByteString, name: ByteString): Place {
    const tree = this;
    return {
      get directory() {
        return tree.#directory(parent);
      },
      name: bytesOf(name),
      path: joinPath(parent, name),
    };
  }

  /** Makes a directory with its record; what is there must not be one. */
  makeDirectory({ directory, name, path }: Place): DirectoryRecord {
    // Nobody but us may look inside before owner and mode are set, at the end.
    try {
      mkdirat(directory, name, 0o700);
    } catch (error) {
      if (!failedWith(error, "EEXIST")) throw error;
      removeTree(directory, name);
      mkdirat(directory, name, 0o700);
    }
    const record = newRecord(this.whiteouts.has(path));
    this.directories.set(path, record);
    this.directories.get(parentOf(path))?.children.push(path);
    return record;
  }

  /** Removes what is at `place`, a whole tree included. */
  clear({ directory, name, path }: Place): void {
    const gone = [path];
    for (let known = gone.pop(); known !== undefined; known = gone.pop()) {
      const record = this.directories.get(known);
      if (record === undefined) continue;
      gone.push(...record.children);
      this.directories.delete(known);
      this.#close(known);
    }
    removeTree(directory, name);
  }

  /** Opens a directory of the layer for reading and for changing its metadata. */
  openDirectory(path: ByteString): Fd {
    return openat2(this.root, path === "" ? "." : bytesOf(path), {
      flags: O_RDONLY | O_DIRECTORY,
      resolve: resolution,
    });
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
      openat2(this.root, path === "" ? "." : bytesOf(path), {
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

  /** The directory that `path` leads to, links followed as if the layer were "/". */
  #resolve(path: ByteString, create: boolean): ByteString | undefined {
    // The records' keys have no links in them: a hit needs no walk.
    if (this.directories.has(path)) return path;
    const todo = path.split("/").reverse();
    let resolved: ByteString = "";
    let links = 0;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        resolved = parentOf(resolved);
        continue;
      }
      const child = joinPath(resolved, name);
      if (this.directories.has(child)) {
        resolved = child;
        continue;
      }
      const place = this.#placeIn(resolved, name);
      const status = lookup(place.directory, place.name);
      if (status !== undefined && (status.mode & S_IFMT) === S_IFLNK) {
        if (++links > maximumLinks)
          throw new CurruntError("invalid", `path ${showBytes(path)}: too many links`);
        const target = readlinkat(place.directory, place.name).toString("latin1");
        if (target.startsWith("/")) resolved = "";
        todo.push(...target.split("/").reverse());
      } else if (create) {
        this.makeDirectory(place);
        resolved = child;
      } else return undefined;
    }
    return resolved;
  }

  [Symbol.dispose](): void {
    for (const directory of this.#open.values()) directory.close();
    this.#open.clear();
    this.root.close();
  }
}

/** The paths of records are resolved: whatever follows a link after all, or leaves the layer, is refused by the kernel. */
const resolution = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;

/** True for overlayfs's whiteout: a character device 0:0. */
export function isWhiteout({ mode, major, minor }: Status): boolean {
  return (mode & S_IFMT) === S_IFCHR && major === 0 && minor === 0;
}
