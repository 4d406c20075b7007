/** Unpacks an archive over what is in a directory already, by descriptor: whatever others do there meanwhile, nothing leaves it. */
import {
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_WRONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFMT,
} from "../../ffi/kernel.ts";
import { CurruntError, wrap } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { ftruncate, linkat, mkdirat, mknodat, openat, pwriteAll, symlinkat, unlinkat } from "../sys/file.ts";
import { lookup } from "../sys/stat.ts";
import type { MetadataOptions } from "./layer-metadata.ts";
import { applyMetadata, applyMetadataAt, closedMode } from "./layer-metadata.ts";
import { cleanPath } from "./layer-path.ts";
import type { TarHandler } from "./tar.ts";
import type { TarEntry } from "./tar-entry.ts";
import type { ByteString } from "./tar-header.ts";
import { bytesOf, showBytes } from "./tar-header.ts";

export interface TreeWriterOptions {
  /** Owners, set-id bits and attributes are kept; else all is the caller's, as with cp(1). */
  readonly archive: boolean;
  readonly warn: (message: string) => void;
}

/** A name in an open directory. */
interface Place {
  readonly directory: Fd;
  readonly name: Buffer;
}

const newDirectoryMode = 0o700;

export class TreeWriter implements TarHandler, Disposable {
  readonly #root: Fd;
  readonly #options: TreeWriterOptions;
  readonly #metadata: MetadataOptions;
  /** Directories of the archive: what is put into them changes their times. */
  readonly #directories: TarEntry[] = [];
  /** The way to the last entry's directory, from the root on: archives return to it. */
  readonly #way: { readonly name: ByteString; readonly directory: Fd }[] = [];
  #file: { readonly fd: Fd; readonly entry: TarEntry } | undefined;

  /** `root` stays the caller's. */
  constructor(root: Fd, options: TreeWriterOptions) {
    this.#root = root;
    this.#options = options;
    this.#metadata = {
      namespace: "trusted",
      warn: options.warn,
      uid: process.geteuid?.() ?? -1,
      gid: process.getegid?.() ?? -1,
    };
  }

  entry(original: TarEntry): void {
    const path = cleanPath(original.path);
    // The directory itself keeps its owner and mode.
    if (path === "") return;
    const entry = this.#adapt({ ...original, path });
    try {
      this.#make(entry);
    } catch (error) {
      throw wrap(error, `write ${showBytes(path)}`);
    }
  }

  data(bytes: Buffer, offset: number): void {
    if (this.#file !== undefined) pwriteAll(this.#file.fd, bytes, offset);
  }

  endEntry(): void {
    if (this.#file === undefined) return;
    using file = this.#file.fd;
    const { entry } = this.#file;
    this.#file = undefined;
    if (entry.sparse) ftruncate(file, entry.sizeBytes);
    applyMetadata(file, entry, closedMode, this.#metadata);
  }

  /** After the last entry: owners, modes and times of directories, deepest first. */
  finish(): void {
    for (const entry of this.#directories.reverse()) {
      const { directory, name } = this.#place(entry.path);
      using opened = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      applyMetadata(opened, entry, -1, this.#metadata);
    }
  }

  [Symbol.dispose](): void {
    this.#file?.fd.close();
    for (const { directory } of this.#way.splice(0)) directory.close();
  }

  #adapt(entry: TarEntry): TarEntry {
    if (this.#options.archive) return entry;
    const { uid, gid } = this.#metadata;
    // A program that was to run as its owner would run as us.
    const foreign = entry.uid !== uid || entry.gid !== gid;
    return { ...entry, uid, gid, mode: foreign ? entry.mode & ~0o6000 : entry.mode, xattrs: undefined };
  }

  #make(entry: TarEntry): void {
    const place = this.#place(entry.path);
    const there = lookup(place.directory, place.name);
    const isDirectory = there !== undefined && (there.mode & S_IFMT) === S_IFDIR;
    if (entry.type === "directory") {
      if (there !== undefined && !isDirectory) throw conflict("a directory would replace what is none");
      if (there === undefined) mkdirat(place.directory, place.name, newDirectoryMode);
      this.#directories.push(entry);
      return;
    }
    if (isDirectory) throw conflict("it would replace a directory");
    if (there !== undefined) unlinkat(place.directory, place.name);
    if (entry.type === "file") this.#makeFile(place, entry);
    else if (entry.type === "hardlink") this.#makeLink(place, entry);
    else {
      makeSpecial(place, entry);
      applyMetadataAt(place, entry, this.#metadata);
    }
  }

  #makeFile({ directory, name }: Place, entry: TarEntry): void {
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    this.#file = { fd: openat(directory, name, flags, closedMode), entry };
  }

  /** A second name, of something that this archive has brought: the place may change, the old one is open meanwhile. */
  #makeLink({ directory, name }: Place, { linkPath }: TarEntry): void {
    using held = openat(directory, ".", O_RDONLY | O_DIRECTORY);
    const target = this.#place(cleanPath(linkPath));
    linkat(target.directory, target.name, held, name);
  }

  /** The place of a path. Directories on the way are made where they are missing; links there are not followed. */
  #place(path: ByteString): Place {
    const names = path.split("/");
    const name = names.pop() ?? "";
    let shared = 0;
    while (shared < names.length && this.#way[shared]?.name === names[shared]) shared++;
    for (const { directory } of this.#way.splice(shared)) directory.close();
    for (const next of names.slice(shared)) {
      const parent = this.#way.at(-1)?.directory ?? this.#root;
      this.#way.push({ name: next, directory: enter(parent, bytesOf(next)) });
    }
    return { directory: this.#way.at(-1)?.directory ?? this.#root, name: bytesOf(name) };
  }
}

function enter(parent: Fd, name: Buffer): Fd {
  try {
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if (failedWith(error, "ENOTDIR", "ELOOP"))
      throw conflict(`${JSON.stringify(name.toString())} is no directory`);
    if (!failedWith(error, "ENOENT")) throw error;
    mkdirat(parent, name, 0o755);
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  }
}

function makeSpecial({ directory, name }: Place, { type, linkPath, major, minor }: TarEntry): void {
  if (type === "symlink") symlinkat(bytesOf(linkPath), directory, name);
  else if (type === "fifo") mknodat(directory, name, S_IFIFO | closedMode);
  else mknodat(directory, name, (type === "block" ? S_IFBLK : S_IFCHR) | closedMode, major, minor);
}

function conflict(detail: string): CurruntError {
  return new CurruntError("conflict", detail, { hint: "remove or rename one of the two first" });
}
