/** Where the files of a tar archive lie: found in one pass that reads headers only. */
import { CurruntError, wrap } from "../base/error.ts";
import type { Fd } from "../sys/fd.ts";
import { preadSome } from "../sys/file.ts";
import { statat } from "../sys/stat.ts";
import { cleanPath, parentOf } from "./layer-path.ts";
import type { TarHandler } from "./tar.ts";
import { defaultTarLimits, TarParser } from "./tar.ts";
import type { TarEntry } from "./tar-entry.ts";
import { bytesOf, showBytes } from "./tar-header.ts";

/** Image archives have some files a layer. */
const maximumEntries = 100_000;
/** Links to links, at most. */
const maximumLinks = 8;

interface Range {
  readonly offset: number;
  readonly sizeBytes: number;
}

type Found = Range | { readonly link: string };

/** The files of an archive by their path. */
export class TarIndex implements TarHandler {
  readonly #archiveBytes: number;
  readonly #files = new Map<string, Found>();
  /** The piece that the parser is at, and where in the archive it begins. */
  #piece: Buffer = Buffer.alloc(0);
  #position = 0;
  #entry: TarEntry | undefined;
  #dataAt: number | undefined;
  /** Bytes of the entry's data that the parser has not seen. */
  #left = 0;

  private constructor(archiveBytes: number) {
    this.#archiveBytes = archiveBytes;
  }

  /** Reads the headers of `archive`, a regular file that is not compressed. */
  static read(archive: Fd): TarIndex {
    const index = new TarIndex(statat(archive, "").sizeBytes);
    const parser = new TarParser(index, { ...defaultTarLimits, entries: maximumEntries });
    const buffer = Buffer.allocUnsafe(64 << 10);
    try {
      for (let length = preadSome(archive, buffer, 0); length > 0; ) {
        index.#take(parser, buffer.subarray(0, length));
        length = preadSome(archive, buffer, index.#position);
      }
      if (index.#position > index.#archiveBytes) throw index.#cutShort();
      parser.end();
    } catch (error) {
      throw wrap(error, "read the archive");
    }
    return index;
  }

  /** The file at `path`, links followed. */
  find(path: string): Range | undefined {
    let name = path;
    for (let hops = 0; hops <= maximumLinks; hops++) {
      const found = this.#files.get(name);
      if (found === undefined || !("link" in found)) return found;
      name = found.link;
    }
    throw new CurruntError("invalid", `read ${JSON.stringify(path)}: too many links in the archive`);
  }

  #take(parser: TarParser, piece: Buffer): void {
    this.#piece = piece;
    parser.push(piece);
    this.#position += piece.length;
    // The rest of a file's data is passed over: the parser is given blanks, which nobody looks at.
    while (this.#left > 0) {
      const skipped = Math.min(this.#left, blanks.length);
      this.#piece = blanks;
      parser.push(blanks.subarray(0, skipped));
      this.#position += skipped;
    }
  }

  entry(entry: TarEntry): void {
    // What is passed over is not looked for: it must be known to be there.
    if (entry.sizeBytes > this.#archiveBytes) throw this.#cutShort();
    if (entry.sparse) throw new CurruntError("unsupported", `${showBytes(entry.path)} is a sparse file`);
    this.#entry = entry;
    this.#dataAt = undefined;
    this.#left = entry.sizeBytes;
  }

  data(bytes: Buffer): void {
    this.#dataAt ??= this.#position + bytes.byteOffset - this.#piece.byteOffset;
    this.#left -= bytes.length;
  }

  #cutShort(): CurruntError {
    return new CurruntError("invalid", `tar: the archive is cut short at byte ${this.#archiveBytes}`);
  }

  endEntry(): void {
    if (this.#entry === undefined) return;
    const { type, path, linkPath, sizeBytes } = this.#entry;
    const name = textOf(path);
    if (type === "file") this.#files.set(name, { offset: this.#dataAt ?? 0, sizeBytes });
    else if (type === "hardlink") this.#files.set(name, { link: textOf(linkPath) });
    // Old docker archives point from one layer to an equal one so: "../ID/layer.tar".
    else if (type === "symlink")
      this.#files.set(name, { link: textOf(`${parentOf(cleanPath(path))}/${linkPath}`) });
  }
}

function textOf(path: string): string {
  return bytesOf(cleanPath(path)).toString();
}

const blanks = Buffer.alloc(1 << 20);
