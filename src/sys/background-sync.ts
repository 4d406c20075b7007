/** Brings data to the disk while more of it is made. */
import type { Fd } from "./fd.ts";
import { openDirectory } from "./file.ts";
import { syncEarly, syncFileSystem } from "./sync.ts";

/** How often a file system's journal is made to commit at most, where data can be written without. */
const COMMIT_MS = 3000;

/**
 * Writes a file system's data to its disk while more is being made, so that the last bit, which has to be waited for,
 * is small.
 */
export class BackgroundSync implements Disposable {
  /** Open from the start: syncfs tells of data that was lost since then, and tells each descriptor once. */
  readonly #directory: Fd;
  readonly #pieceBytes: number;
  #running: Promise<void> | undefined;
  #failure: Error | undefined;
  #unwritten = 0;
  /** Where that is; undefined once some of it is in files that were not told. */
  #paths: Set<string> | undefined = new Set();
  #syncedAtMs = performance.now();

  /** `path`: a directory of the file system. `pieceBytes`: how much may gather before it is written. */
  constructor(path: string, pieceBytes: number) {
    this.#directory = openDirectory(path);
    this.#pieceBytes = pieceBytes;
  }

  /** Tells that `bytes` more were written to files: all of them to the one at `path`, if it is told. Never waits. */
  wrote(bytes: number, path?: string): void {
    this.#unwritten += bytes;
    if (path === undefined) this.#paths = undefined;
    else this.#paths?.add(path);
    if (this.#unwritten < this.#pieceBytes || this.#running !== undefined) return;
    const paths = this.#paths;
    this.#unwritten = 0;
    this.#paths = new Set();
    // A commit of the file system's journal stops those who write for tens of milliseconds: once in a while is enough.
    const early = paths !== undefined && performance.now() - this.#syncedAtMs < COMMIT_MS;
    this.#running = (early ? Promise.all([...paths].map(syncEarly)).then(() => undefined) : this.#sync())
      .catch((error: Error) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Resolves when all that was written before the call is on the disk; others may go on writing. */
  async flush(): Promise<void> {
    // What runs may have begun before.
    await this.#running;
    this.wrote(this.#pieceBytes);
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** As `flush`, as the last call: rejects when any of it was lost on the way. */
  async finish(): Promise<void> {
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
    await this.#sync();
  }

  [Symbol.dispose](): void {
    this.#directory.close();
  }

  #sync(): Promise<void> {
    this.#syncedAtMs = performance.now();
    return syncFileSystem(this.#directory);
  }
}
