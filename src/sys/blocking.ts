/** Calls that block their thread, made in a thread of their own. */
import type { BlockingAnswer, BlockingCall } from "./blocking-worker.ts";
import type { Interest } from "./change.ts";
import { packInterests, readyNow } from "./change.ts";
import { SyscallError } from "./error.ts";
import type { Fd } from "./fd.ts";
import { openDirectory } from "./file.ts";

/** Resolves once nobody holds the lock of the file at `path`, at once when it is missing; rejects when `signal` says so. */
export async function whenUnlocked(path: string, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  using thread = new BlockingThread();
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal?.reason);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    await Promise.race([thread.call({ call: "waitForUnlock", path }), promise]);
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** How often a file system's journal is made to commit at most, where data can be written without. */
const COMMIT_MS = 3000;

/**
 * Writes a file system's data to its disk while more is being made, so that the last bit, which has to be waited for,
 * is small. Starts its thread with the first piece.
 */
export class BackgroundSync implements Disposable {
  /** Open from the start: syncfs tells of data that was lost since then, and tells each descriptor once. */
  readonly #directory: Fd;
  readonly #pieceBytes: number;
  #thread: BlockingThread | undefined;
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
    this.#running = (early ? this.#call({ call: "fsync", paths: [...paths] }) : this.#sync())
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
    this.#thread?.[Symbol.dispose]();
    this.#directory.close();
  }

  #sync(): Promise<void> {
    this.#syncedAtMs = performance.now();
    return this.#call({ call: "syncfs", directory: this.#directory.number });
  }

  #call(call: BlockingCall): Promise<void> {
    this.#thread ??= new BlockingThread();
    return this.#thread.call(call);
  }
}

/** Waits for descriptors of any kind without blocking the caller: one thread, one wait at a time. */
export class PollThread implements Disposable {
  readonly #thread = new BlockingThread();

  /** Resolves when one is ready, or after `timeoutMs`: which ones are. The caller keeps them open meanwhile. */
  async wait(interests: readonly Interest[], timeoutMs: number): Promise<boolean[]> {
    await this.#thread.call({ call: "poll", asked: packInterests(interests), timeoutMs });
    return readyNow(interests);
  }

  [Symbol.dispose](): void {
    this.#thread[Symbol.dispose]();
  }
}

/** One thread, one call at a time. */
class BlockingThread implements Disposable {
  readonly #worker = new Worker(new URL("./blocking-worker.ts", import.meta.url), { type: "module" });

  call(call: BlockingCall): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#worker.onmessage = ({ data }: MessageEvent<BlockingAnswer>) => {
      if (data === undefined) resolve();
      else reject(new SyscallError(data.operation, data.errno, data.subject));
    };
    this.#worker.onerror = ({ message }) => reject(new Error(message));
    this.#worker.postMessage(call);
    return promise;
  }

  /** A call that still blocks does not keep the process. */
  [Symbol.dispose](): void {
    this.#worker.unref();
    this.#worker.terminate();
  }
}
