/** What has come of a blob so far, kept on disk for the next attempt: of this process, or of one after it was killed. */
import { join } from "node:path";
import { listDirectory, makeDirectories } from "../sys/directory.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { pwriteAll, readSome, removeFile } from "../sys/file.ts";
import { lookup, statat } from "../sys/stat.ts";
import { isDigest, parseDigest } from "./digest.ts";
import { KEPT_MS } from "./kept-layer.ts";
import { lockNamed } from "./staging.ts";

const PIECE_BYTES = 256 << 10;

/**
 * The start of one blob, in the hands of one process. Nothing says that its bytes are right, be it after a power cut: whoever goes on
 * from them has to hash them anew, and the whole blob to its end.
 */
export class PartialBlob implements Disposable {
  readonly #path: string;
  #file: Fd | undefined;
  #sizeBytes: number;

  private constructor(path: string, file: Fd) {
    this.#path = path;
    this.#file = file;
    this.#sizeBytes = statat(file, "").sizeBytes;
  }

  /** Undefined when another process is at this blob, or when nothing can be written here: then nothing is kept. */
  static open(ingest: string, digest: string): PartialBlob | undefined {
    const path = partialPath(ingest, digest);
    try {
      const file = openPartial(ingest, path);
      return file === undefined ? undefined : new PartialBlob(path, file);
    } catch (error) {
      if (failedWith(error, ...diskFailures)) return undefined;
      throw error;
    }
  }

  /** Bytes from the start that are here. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The next piece from the start; undefined at the end of what is here. */
  read(): Uint8Array | undefined {
    if (this.#file === undefined) return undefined;
    const buffer = new Uint8Array(PIECE_BYTES);
    const length = readSome(this.#file, buffer);
    return length === 0 ? undefined : buffer.subarray(0, length);
  }

  /** Adds what has come. It is not waited for: after a power cut the end may be missing, and comes again. */
  append(bytes: Uint8Array): void {
    if (this.#file === undefined) return;
    try {
      pwriteAll(this.#file, bytes, this.#sizeBytes);
      this.#sizeBytes += bytes.byteLength;
    } catch (error) {
      if (!failedWith(error, ...diskFailures)) throw error;
      // The layer itself needs the room more.
      this.remove();
    }
  }

  /** Removes the file; nothing is kept any more. */
  remove(): void {
    if (this.#file === undefined) return;
    removeFile(this.#path);
    this.#file.close();
    this.#file = undefined;
    this.#sizeBytes = 0;
  }

  /** Leaves the file for the next attempt, unless there is nothing in it. */
  [Symbol.dispose](): void {
    if (this.#sizeBytes === 0) this.remove();
    this.#file?.close();
    this.#file = undefined;
  }
}

/** What a disk may say that is full, failing or only to be read: keeping nothing is better than no pull. */
const diskFailures = ["ENOSPC", "EDQUOT", "EIO", "EROFS", "EFBIG"] as const;

function openPartial(ingest: string, path: string): Fd | undefined {
  try {
    return lockNamed(path);
  } catch (error) {
    if (!failedWith(error, "ENOENT")) throw error;
    // A data root from before there were any.
    makeDirectories(ingest, 0o700);
    return lockNamed(path);
  }
}

function partialPath(ingest: string, digest: string): string {
  const { algorithm, hex } = parseDigest(digest);
  return join(ingest, `${algorithm}-${hex}`);
}

/** Removes what is kept of a blob whose layer is in its place. */
export function dropPartial(ingest: string, digest: string): void {
  removeFile(partialPath(ingest, digest));
}

/** Removes what nobody came back for. Never touches what is in use. */
export function sweepPartials(ingest: string, nowMs = Date.now()): void {
  for (const name of listDirectory(ingest)) {
    if (!isDigest(name.replace("-", ":"))) continue;
    const path = join(ingest, name);
    const status = lookup(undefined, path);
    if (status === undefined || nowMs - status.modified.seconds * 1000 < KEPT_MS) continue;
    using file = lockNamed(path);
    if (file !== undefined) removeFile(path);
  }
}
