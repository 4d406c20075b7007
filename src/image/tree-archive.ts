/** Archives a directory tree: a stored layer, a container's changes, or all that a container sees. */
import { wrap } from "../base/error.ts";
import type { Extent } from "../sys/extent.ts";
import { dataExtents, seek } from "../sys/extent.ts";
import type { Fd } from "../sys/fd.ts";
import { readSome } from "../sys/file.ts";
import type { Status } from "../sys/stat.ts";
import { lookup } from "../sys/stat.ts";
import { joinPath, opaqueMarker, whiteoutPrefix } from "./layer-path.ts";
import type { TarEntry } from "./tar-entry.ts";
import { plainFile } from "./tar-entry.ts";
import type { ByteString } from "./tar-header.ts";
import { paddingOf, showBytes } from "./tar-header.ts";
import { dataBytes, encodeEntry, endOfArchive } from "./tar-writer.ts";
import type { DirectoryMarks, Found, TreeForm } from "./tree-reader.ts";
import { isRemoval, namesIn, noMarks, openSubdirectory, readEntry, readMarks } from "./tree-reader.ts";

/** What is archived. All descriptors are directories, open for reading; they stay the caller's. */
export interface TreeSource {
  /** Where entries, their attributes and data come from. */
  readonly content: Fd;
  /**
   * Which of them are meant, when not all: the upper directory of the overlay that `content` is a mount of. What it marks as gone becomes
   * a whiteout.
   */
  readonly changes?: Fd | undefined;
  /** "layer": marks of overlayfs in `content` itself become whiteouts. */
  readonly form?: TreeForm | undefined;
}

export interface ArchiveOptions {
  /** Paths that are left out, with what is below. */
  readonly omit?: ReadonlySet<ByteString> | undefined;
  /** Told when the archive is not quite what was there: a file that was changed while it was read. */
  readonly warn?: ((message: string) => void) | undefined;
}

/** Holes are worth an entry that not every reader knows (image-spec, layer.md, advises against it) from this many bytes on. */
const leastHoles = 1 << 20;
const chunkBytes = 1 << 18;

/**
 * The archive in pieces, each valid until the next is asked for. The same tree gives the same bytes: names are in the order of their
 * bytes, the first name of a file has its data, the others are links to it.
 */
export function* archiveTree(source: TreeSource, options: ArchiveOptions = {}): Generator<Buffer, void> {
  const archive = new TreeArchive(options);
  yield* archive.tree(source);
  yield* archive.put(endOfArchive);
  yield* archive.flush();
}

/** An archive of what `name` in `directory` is, with all that is below it, under the name `as`. */
export function* archiveEntry(
  directory: Fd,
  name: Uint8Array,
  as: ByteString,
  options: ArchiveOptions = {},
): Generator<Buffer, void> {
  const archive = new TreeArchive(options);
  yield* archive.entry(directory, name, as);
  yield* archive.put(endOfArchive);
  yield* archive.flush();
}

/** A directory on the way: where names are read, and where what they stand for is. */
interface Level {
  readonly path: ByteString;
  readonly listing: Fd;
  readonly content: Fd;
  readonly listingForm: TreeForm;
  readonly contentForm: TreeForm;
}

class TreeArchive {
  readonly #omit: ReadonlySet<ByteString>;
  readonly #warn: (message: string) => void;
  /** First names of files that have several, by device and inode. */
  readonly #names = new Map<string, ByteString>();
  readonly #chunk = Buffer.allocUnsafeSlow(chunkBytes);
  #length = 0;

  constructor({ omit = new Set(), warn = () => undefined }: ArchiveOptions) {
    this.#omit = omit;
    this.#warn = warn;
  }

  *tree({ content, changes, form = "tree" }: TreeSource): Generator<Buffer, void> {
    const root = readEntry(content, ".", "./", form);
    if (root === undefined) return;
    root.file?.close();
    yield* this.put(encodeEntry(root.entry));
    yield* this.#directory({
      path: "",
      listing: changes ?? content,
      content,
      listingForm: changes === undefined ? form : "layer",
      contentForm: form,
    });
  }

  *entry(directory: Fd, name: Uint8Array, path: ByteString): Generator<Buffer, void> {
    const found = readEntry(directory, name, path, "tree");
    if (found === undefined) return;
    using file = found.file;
    if (file === undefined || found.entry.type !== "directory") return yield* this.#other(found);
    yield* this.put(encodeEntry(found.entry));
    yield* this.#directory({ path, listing: file, content: file, listingForm: "tree", contentForm: "tree" });
  }

  *#directory(level: Level): Generator<Buffer, void> {
    const marks = level.listingForm === "layer" ? readMarks(level.listing) : noMarks;
    if (marks.opaque || marks.redirected) yield* this.put(marker(joinPath(level.path, opaqueMarker)));
    // What a renamed directory shows is all its own now: the place that it came from is not below this name.
    const meant: Level = marks.redirected ? { ...level, listing: level.content, listingForm: "tree" } : level;
    for (const name of namesIn(meant.listing)) {
      const path = joinPath(level.path, name.toString("latin1"));
      if (this.#omit.has(path)) continue;
      try {
        yield* this.#name(meant, name, path, marks);
      } catch (error) {
        throw wrap(error, `archive ${showBytes(path)}`);
      }
    }
  }

  *#name(level: Level, name: Buffer, path: ByteString, marks: DirectoryMarks): Generator<Buffer, void> {
    const { listing, content, listingForm, contentForm } = level;
    if (listingForm === "layer") {
      const status = lookup(listing, name);
      if (status === undefined) return;
      if (isRemoval(listing, name, status, marks)) {
        return yield* this.put(marker(joinPath(level.path, whiteoutPrefix + name.toString("latin1"))));
      }
    }
    const found = readEntry(content, name, path, contentForm);
    if (found === undefined) return;
    using file = found.file;
    if (file === undefined || found.entry.type !== "directory") return yield* this.#other(found);
    yield* this.put(encodeEntry(found.entry));
    if (listing === content) return yield* this.#directory({ ...level, path, listing: file, content: file });
    using below = openSubdirectory(listing, name);
    if (below !== undefined) yield* this.#directory({ ...level, path, listing: below, content: file });
  }

  *#other({ entry, status, file }: Found): Generator<Buffer, void> {
    const first = this.#firstName(entry, status);
    if (first !== undefined) {
      const { type: _, sizeBytes: _size, xattrs: _xattrs, ...rest } = entry;
      yield* this.put(
        encodeEntry({ ...rest, type: "hardlink", linkPath: first, sizeBytes: 0, xattrs: undefined }),
      );
    } else if (file === undefined) yield* this.put(encodeEntry(entry));
    else yield* this.#file(entry, file);
  }

  /** The name under which the same file was archived before. */
  #firstName({ path }: TarEntry, { links, device, inode }: Status): ByteString | undefined {
    if (links < 2) return undefined;
    const key = `${device} ${inode}`;
    const first = this.#names.get(key);
    if (first === undefined) this.#names.set(key, path);
    return first;
  }

  *#file(entry: TarEntry, file: Fd): Generator<Buffer, void> {
    const { sizeBytes } = entry;
    const extents = sizeBytes >= leastHoles ? dataExtents(file, sizeBytes) : undefined;
    const whole: Extent[] = sizeBytes === 0 ? [] : [{ offset: 0, length: sizeBytes }];
    const sparse = extents !== undefined && sizeBytes - dataBytes(extents) >= leastHoles;
    yield* this.put(encodeEntry(entry, sparse ? extents : undefined));
    const segments = sparse ? extents : whole;
    if (extents !== undefined) seek(file, 0);
    let complete = true;
    for (const { offset, length } of segments) {
      if (sparse) seek(file, offset);
      complete = (yield* this.#data(file, length)) && complete;
    }
    yield* this.put(zeros.subarray(0, paddingOf(dataBytes(segments))));
    if (!complete)
      this.#warn(`${showBytes(entry.path)} became shorter while it was read: its end is filled with zeros`);
  }

  /** The next `length` bytes of `file`; false when it had fewer. */
  *#data(file: Fd, length: number): Generator<Buffer, boolean> {
    for (let left = length; left > 0; ) {
      if (this.#length === chunkBytes) yield* this.flush();
      const room = this.#chunk.subarray(this.#length, Math.min(chunkBytes, this.#length + left));
      const count = readSome(file, room);
      if (count === 0) {
        for (; left > 0; left -= Math.min(left, zeros.length)) {
          yield* this.put(zeros.subarray(0, Math.min(left, zeros.length)));
        }
        return false;
      }
      this.#length += count;
      left -= count;
    }
    return true;
  }

  *put(bytes: Uint8Array): Generator<Buffer, void> {
    for (let at = 0; at < bytes.length; ) {
      if (this.#length === chunkBytes) yield* this.flush();
      const step = Math.min(bytes.length - at, chunkBytes - this.#length);
      this.#chunk.set(bytes.subarray(at, at + step), this.#length);
      this.#length += step;
      at += step;
    }
  }

  *flush(): Generator<Buffer, void> {
    if (this.#length > 0) yield this.#chunk.subarray(0, this.#length);
    this.#length = 0;
  }
}

const zeros = Buffer.alloc(4096);

/** An empty file whose name says all. */
function marker(path: ByteString): Buffer {
  return encodeEntry(plainFile(path, 0, 0));
}
