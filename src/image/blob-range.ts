/** The rest of a blob in several ranges at once, given in order: many registries and lines hold each connection to a rate of its own. */
import { CurruntError } from "../base/error.ts";
import type { BlobSource } from "./blob-source.ts";
import { withJitter } from "./delay.ts";
import type { Descriptor } from "./manifest.ts";
import { discard, sleep, within } from "./transport.ts";

/** Large enough that asking for it costs little, small enough that several fit in memory. */
const PART_BYTES = 4 << 20;
/** Connections for one blob: more are refused by some registries, and gain little. */
const MAX_CONNECTIONS = 4;
/** Parts that are on their way, or wait for those before them. */
const MAX_PARTS = 6;
/** Less is not worth the change. */
export const WORTH_RANGES_BYTES = 4 * PART_BYTES;

/** The server does not send what was asked for, but everything, or something else. */
export class RangeRefused extends Error {}

export interface RangeOptions {
  readonly source: BlobSource;
  readonly descriptor: Descriptor;
  /** From where on. */
  readonly offset: number;
  /** The blob's size. */
  readonly sizeBytes: number;
  readonly signal: AbortSignal | undefined;
}

/** One range; its bytes wait here until their turn. */
class Part {
  readonly chunks: Uint8Array[] = [];
  ended = false;
  failure: unknown;
  /** Called when any of the above changes. */
  wake: () => void = () => undefined;
}

/** Looks like the reader of a response's body. */
export class RangedBody {
  readonly #options: RangeOptions;
  readonly #parts: Part[] = [];
  readonly #stop = new AbortController();
  #next: number;
  #connections = 0;

  constructor(options: RangeOptions) {
    this.#options = options;
    this.#next = options.offset;
    this.#startParts();
  }

  async read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }> {
    for (;;) {
      const [part] = this.#parts;
      if (part === undefined) return { done: true };
      const value = part.chunks.shift();
      if (value !== undefined) return { done: false, value };
      if (part.failure !== undefined) throw part.failure;
      if (part.ended) {
        this.#parts.shift();
        this.#startParts();
      } else {
        await new Promise<void>((resolve) => {
          part.wake = resolve;
        });
      }
    }
  }

  async cancel(): Promise<void> {
    this.#stop.abort(new Error("the transfer was given up"));
    this.#parts.length = 0;
  }

  #startParts(): void {
    const { source, sizeBytes } = this.#options;
    while (
      this.#next < sizeBytes &&
      this.#parts.length < MAX_PARTS &&
      this.#connections < MAX_CONNECTIONS &&
      // The first may have the slot that its predecessor gave back a moment ago.
      (source.slots.free > 0 || this.#connections === 0)
    ) {
      const part = new Part();
      const [begin, end] = [this.#next, Math.min(this.#next + PART_BYTES, sizeBytes)];
      this.#next = end;
      this.#parts.push(part);
      this.#connections++;
      source.slots.take();
      void this.#fill(part, begin, end)
        .then(
          () => {
            part.ended = true;
          },
          (error: unknown) => {
            part.failure = error;
          },
        )
        .finally(() => {
          this.#connections--;
          source.slots.give();
          if (!this.#stop.signal.aborted) this.#startParts();
          part.wake();
        });
    }
  }

  /** Gets the bytes from `begin` up to `end`, going on where the connection breaks. */
  async #fill(part: Part, begin: number, end: number): Promise<void> {
    const { attempts, baseDelayMs, maxDelayMs } = this.#options.source.transport.patience;
    const { signal } = this.#stop;
    let at = begin;
    for (let failures = 0; at < end; ) {
      try {
        await this.#receive(at, end, (chunk) => {
          at += chunk.byteLength;
          part.chunks.push(chunk);
          part.wake();
        });
      } catch (error) {
        signal.throwIfAborted();
        this.#options.signal?.throwIfAborted();
        failures++;
        const isFinal = error instanceof RangeRefused || error instanceof CurruntError;
        if (isFinal || failures >= attempts) throw error;
        await sleep(withJitter(Math.min(baseDelayMs * 2 ** (failures - 1), maxDelayMs)), signal);
      }
    }
  }

  async #receive(begin: number, end: number, take: (chunk: Uint8Array) => void): Promise<void> {
    const { source, descriptor } = this.#options;
    const response = await source.openBlob(descriptor, begin, end);
    const range = response.headers.get("content-range") ?? "";
    if (response.status !== 206 || !range.startsWith(`bytes ${begin}-${end - 1}/`)) {
      await discard(response);
      throw new RangeRefused(`the registry answered ${response.status} to a range`);
    }
    const reader = response.body?.getReader();
    if (reader === undefined) return;
    const stop = () => void reader.cancel().catch(() => undefined);
    this.#stop.signal.addEventListener("abort", stop);
    try {
      for (let left = end - begin; left > 0; ) {
        this.#stop.signal.throwIfAborted();
        const { done, value } = await within(reader.read(), source.transport.patience.idleMs);
        if (done) throw new Error("the transfer ended early");
        if (value.byteLength > left) throw new RangeRefused("the registry sent more than was asked for");
        left -= value.byteLength;
        take(value);
      }
    } finally {
      this.#stop.signal.removeEventListener("abort", stop);
      stop();
    }
  }
}
