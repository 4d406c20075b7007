/** Calls that block their thread, made in a thread of their own. */
import type { BlockingAnswer, BlockingCall } from "./blocking-worker.ts";
import type { Interest } from "./change.ts";
import { packInterests, readyNow } from "./change.ts";
import { SyscallError } from "./error.ts";

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
