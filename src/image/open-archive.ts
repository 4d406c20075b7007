/** Opens what `load` is given: a directory, a tar file, or a stream that has to be written down first. */
import { O_CREAT, O_EXCL, O_RDONLY, O_RDWR, S_IFDIR, S_IFMT, S_IFREG } from "../../ffi/kernel.ts";
import { CurruntError, wrap } from "../base/error.ts";
import type { Fd } from "../sys/fd.ts";
import { duplicate } from "../sys/fd.ts";
import { openat, preadSome, writeAll } from "../sys/file.ts";
import { statat } from "../sys/stat.ts";
import type { ArchiveFiles } from "./archive-files.ts";
import { directoryFiles, tarFiles } from "./archive-files.ts";
import { decompress, sniffCompression } from "./decompress.ts";
import { TarIndex } from "./tar-index.ts";

/** Enough for `sniffCompression`. */
const startBytes = 16;

/**
 * The files of the archive at `path`; "-" is standard input. A tar file is read where it is. A stream and a compressed file
 * are written to `staging`, a directory, first: their files may stand in any order.
 */
export async function openArchive(
  path: string,
  { staging, signal }: { readonly staging: string; readonly signal?: AbortSignal | undefined },
): Promise<ArchiveFiles> {
  try {
    using undo = new DisposableStack();
    const input = undo.use(path === "-" ? duplicate(0) : openat(undefined, path, O_RDONLY));
    const kind = statat(input, "").mode & S_IFMT;
    if (kind === S_IFDIR) {
      undo.move();
      return directoryFiles(input);
    }
    const archive =
      kind === S_IFREG && isPlain(input) ? input : undo.use(await writeDown(input, staging, signal));
    const index = TarIndex.read(archive);
    undo.move();
    if (archive !== input) input.close();
    return tarFiles(archive, index);
  } catch (error) {
    throw wrap(error, `open archive ${path === "-" ? "from standard input" : JSON.stringify(path)}`);
  }
}

function isPlain(file: Fd): boolean {
  const start = Buffer.alloc(startBytes);
  return compressionOf(start.subarray(0, preadSome(file, start, 0))) === "none";
}

function compressionOf(start: Uint8Array): string {
  try {
    return sniffCompression(start);
  } catch (error) {
    throw withRemedy(error);
  }
}

/** `error`, or when it is about a compression what to do about it. `command`: what reads the archive from standard input. */
export function withRemedy(error: unknown, command = "load"): unknown {
  if (!(error instanceof CurruntError) || error.kind !== "unsupported") return error;
  return new CurruntError("unsupported", "the archive is compressed in a way that is not supported", {
    hint: `gzip and zstd are; for others decompress it on the way: "xz -dc FILE | currunt ${command}"`,
    cause: error,
  });
}

/** The decompressed archive as a file without a name. */
async function writeDown(input: Fd, staging: string, signal: AbortSignal | undefined): Promise<Fd> {
  using undo = new DisposableStack();
  const file = undo.use(openat(undefined, `${staging}/archive`, O_RDWR | O_CREAT | O_EXCL, 0o600));
  try {
    await decompress(piecesOf(input, signal), (bytes) => writeAll(file, bytes));
  } catch (error) {
    throw withRemedy(error);
  }
  undo.move();
  return file;
}

async function* piecesOf(input: Fd, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  for await (const piece of Bun.file(input.number).stream()) {
    signal?.throwIfAborted();
    yield piece;
  }
}
