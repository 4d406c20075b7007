/** Waiting for a lock without blocking the program. */

/** Resolves once nobody holds the lock of the file at `path`, at once when it is missing; rejects when `signal` says so. */
export async function whenUnlocked(path: string, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const worker = new Worker(new URL("./unlock-worker.ts", import.meta.url));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = () => reject(signal?.reason);
  worker.onmessage = () => resolve();
  worker.onerror = (event) => reject(new Error(event.message));
  signal?.addEventListener("abort", stop, { once: true });
  worker.postMessage(path);
  try {
    await promise;
  } finally {
    signal?.removeEventListener("abort", stop);
    // A thread that still blocks must not keep the process.
    worker.unref();
    worker.terminate();
  }
}
