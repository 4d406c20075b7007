/** The files of an image archive by name, whether it is a directory or a tar file: read in any order, never as a whole. */
import { O_RDONLY, S_IFDIR, S_IFMT, S_IFREG } from "../../ffi/kernel.ts";
import { CurruntError } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { openInRoot, preadSome } from "../sys/file.ts";
import { statat } from "../sys/stat.ts";
import { parseDigest } from "./digest.ts";
import type { TarIndex } from "./tar-index.ts";

/** One file in it: a range of bytes of an open file. */
export interface ArchiveFile extends Disposable {
  readonly sizeBytes: number;
  /** Reads from `offset` of it into `buffer`; returns how many bytes, 0 at its end. */
  read(buffer: Uint8Array, offset: number): number;
}

/** The archive; owned: disposing closes it. */
export interface ArchiveFiles extends Disposable {
  /** Undefined when there is no such file. Links are followed within the archive. */
  open(path: string): ArchiveFile | undefined;
}

/** The files of a directory. */
export function directoryFiles(directory: Fd): ArchiveFiles {
  return {
    open(path) {
      const file = openIfThere(directory, path);
      if (file === undefined) return undefined;
      const { mode, sizeBytes } = statat(file, "");
      if ((mode & S_IFMT) === S_IFREG) return rangeOf(file, 0, sizeBytes, () => file.close());
      file.close();
      if ((mode & S_IFMT) === S_IFDIR) return undefined;
      throw new CurruntError("invalid", `read ${JSON.stringify(path)}: it is no regular file`);
    },
    [Symbol.dispose]: () => directory.close(),
  };
}

/** Links inside may not lead out. */
function openIfThere(directory: Fd, path: string): Fd | undefined {
  try {
    return openInRoot(directory, path, O_RDONLY);
  } catch (error) {
    if (failedWith(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

/** The files of a tar archive that is not compressed. */
export function tarFiles(archive: Fd, index: TarIndex): ArchiveFiles {
  return {
    open(path) {
      const found = index.find(path);
      return found && rangeOf(archive, found.offset, found.sizeBytes, () => undefined);
    },
    [Symbol.dispose]: () => archive.close(),
  };
}

function rangeOf(file: Fd, start: number, sizeBytes: number, close: () => void): ArchiveFile {
  return {
    sizeBytes,
    read(buffer, offset) {
      const length = Math.min(buffer.length, Math.max(sizeBytes - offset, 0));
      return length === 0 ? 0 : preadSome(file, buffer.subarray(0, length), start + offset);
    },
    [Symbol.dispose]: close,
  };
}

/** A whole document; undefined when it is not there. Throws for one of more than `limit` bytes. */
export function readDocument(files: ArchiveFiles, path: string, limit: number): Buffer | undefined {
  using file = files.open(path);
  if (file === undefined) return undefined;
  if (file.sizeBytes > limit) {
    throw new CurruntError(
      "invalid",
      `read ${JSON.stringify(path)}: it has ${file.sizeBytes} bytes, ${limit} at most`,
    );
  }
  const bytes = Buffer.alloc(file.sizeBytes);
  for (let done = 0; done < bytes.length; ) {
    const length = file.read(bytes.subarray(done), done);
    if (length === 0) throw new CurruntError("invalid", `read ${JSON.stringify(path)}: it is cut short`);
    done += length;
  }
  return bytes;
}

/** Where content lies in an OCI layout. */
export function blobPath(digest: string): string {
  const { algorithm, hex } = parseDigest(digest);
  return `blobs/${algorithm}/${hex}`;
}

const pieceBytes = 512 << 10;

/** The content as a stream; each piece is the reader's own. `check` sees each before. */
export function streamOf(
  file: ArchiveFile,
  check: { readonly update: (piece: Uint8Array) => void; readonly finish: () => void },
): ReadableStream<Uint8Array> {
  let offset = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        try {
          const buffer = new Uint8Array(Math.min(pieceBytes, Math.max(file.sizeBytes - offset, 1)));
          const length = file.read(buffer, offset);
          offset += length;
          const piece = buffer.subarray(0, length);
          if (length > 0) {
            check.update(piece);
            controller.enqueue(piece);
            return;
          }
          check.finish();
          file[Symbol.dispose]();
          controller.close();
        } catch (error) {
          file[Symbol.dispose]();
          controller.error(error);
        }
      },
      cancel: () => file[Symbol.dispose](),
    },
    { highWaterMark: 0 },
  );
}
