/** A blob as one checked stream, however often the connection is cut on the way. */
import { CurruntError } from "../base/error.ts";
import { RangedBody, RangeRefused, WORTH_RANGES_BYTES } from "./blob-range.ts";
import type { BlobSource } from "./blob-source.ts";
import { withJitter } from "./delay.ts";
import { DigestError } from "./digest.ts";
import type { Descriptor } from "./manifest.ts";
import { inlineData } from "./manifest.ts";
import type { PartialBlob } from "./partial.ts";
import { discard, plain, sleep, within } from "./transport.ts";
import { Verifier } from "./verifier.ts";

export interface BlobStreamOptions {
  readonly signal?: AbortSignal | undefined;
  /** Where what comes is kept: the stream begins with what is there already, hashed anew. The caller's to close. */
  readonly partial?: PartialBlob | undefined;
  /** Called when a cut connection is taken up again. */
  readonly onRestart?: (() => void) | undefined;
  /** Called with the bytes read so far, after each piece. */
  readonly onBytes?: ((doneBytes: number) => void) | undefined;
  /** Called with the error that the stream ends in, for a consumer that only tells that it broke. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A connection that brought this much before it broke was worth something: the count of failures starts anew. */
const PROGRESS_BYTES = 1 << 20;

/**
 * The content of `descriptor`. It errs with a DigestError at its end, or at the first byte too many, when it is not what
 * the descriptor promised; then all that was read is worthless.
 */
export function streamBlob(
  source: BlobSource,
  descriptor: Descriptor,
  options: BlobStreamOptions,
): ReadableStream<Uint8Array> {
  const blob = new BlobReader(source, descriptor, options);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const chunk = await blob.read();
          if (chunk === undefined) controller.close();
          else controller.enqueue(chunk);
        } catch (error) {
          options.onError?.(error);
          throw error;
        }
      },
      cancel: () => blob.cancel(),
    },
    // Nothing is read ahead: memory stays flat when the consumer is slow.
    { highWaterMark: 0 },
  );
}

/** The part of a body's reader that is used. */
interface BodyReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/** A transfer is judged after this time, and goes on in ranges when it was mostly waited for. */
const JUDGED_AFTER_MS = 500;

class BlobReader {
  readonly #source: BlobSource;
  readonly #descriptor: Descriptor;
  readonly #options: BlobStreamOptions;
  readonly #verifier: Verifier;
  #body: BodyReader | undefined;
  /** Gives the current body's connection back. */
  #release: () => void = () => undefined;
  /** Whether another try with ranges makes sense. */
  #mayRange = true;
  #openedAt = 0;
  /** How much of the time since then nothing was there to be read. */
  #waitedMs = 0;
  /** Bytes at the start of the current response that were read from an earlier one. */
  #skip = 0;
  /** Set until the kept start is read. */
  #kept: PartialBlob | undefined;
  /** Undefined until a response tells it, when the manifest does not (schema 1). */
  #size: number | undefined;
  #failures = 0;
  #offsetAtFailure = 0;

  constructor(source: BlobSource, descriptor: Descriptor, options: BlobStreamOptions) {
    this.#source = source;
    this.#descriptor = descriptor;
    this.#options = options;
    this.#kept = options.partial;
    this.#size = descriptor.size < 0 ? undefined : descriptor.size;
    this.#verifier = new Verifier(descriptor.digest, this.#size, `blob ${descriptor.digest}`);
  }

  /** The next piece; undefined at the end, when all of it was right. */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      try {
        const kept = this.#readKept();
        if (kept !== undefined) return this.#pass(kept);
        if (this.#body === undefined && this.#verifier.seenBytes === this.#size) return this.#finish();
        this.#body ??= await this.#open();
        const askedAt = performance.now();
        const { done, value } = await within(this.#body.read(), this.#source.transport.patience.idleMs);
        this.#waitedMs += performance.now() - askedAt;
        if (done || value === undefined) {
          if (this.#verifier.seenBytes < (this.#size ?? 0)) throw new Error("the transfer ended early");
          return this.#finish();
        }
        const chunk = this.#withoutKnown(value);
        if (chunk.byteLength === 0) continue;
        this.#options.partial?.append(chunk);
        this.#pass(chunk);
        if (this.#isHeldUp()) await this.#spread();
        return chunk;
      } catch (error) {
        await this.cancel();
        await this.#recover(error);
      }
    }
  }

  #finish(): undefined {
    this.#verifier.finish();
    this.#release();
    this.#release = () => undefined;
    // From here on another process may read it, should it unpack the same layer while this one waits for others.
    this.#options.partial?.[Symbol.dispose]();
  }

  /** The next piece of what an earlier attempt left. */
  #readKept(): Uint8Array | undefined {
    const chunk = this.#kept?.read();
    if (chunk === undefined) this.#kept = undefined;
    return chunk;
  }

  #pass(chunk: Uint8Array): Uint8Array {
    this.#verifier.update(chunk);
    this.#options.onBytes?.(this.#verifier.seenBytes);
    return chunk;
  }

  async cancel(): Promise<void> {
    const body = this.#body;
    this.#body = undefined;
    this.#release();
    this.#release = () => undefined;
    await body?.cancel().catch(() => undefined);
  }

  /** Whether one connection is what the transfer waits for, and there is room for more. */
  #isHeldUp(): boolean {
    const passedMs = performance.now() - this.#openedAt;
    return (
      this.#mayRange &&
      passedMs >= JUDGED_AFTER_MS &&
      this.#waitedMs > passedMs / 2 &&
      (this.#size ?? 0) - this.#verifier.seenBytes >= WORTH_RANGES_BYTES &&
      this.#source.slots.free > 0
    );
  }

  /** Goes on in several ranges. */
  async #spread(): Promise<void> {
    this.#mayRange = false;
    await this.cancel();
    this.#skip = 0;
    this.#body = new RangedBody({
      source: this.#source,
      descriptor: this.#descriptor,
      offset: this.#verifier.seenBytes,
      sizeBytes: this.#size ?? 0,
      signal: this.#options.signal,
    });
  }

  /** Waits before the next connection, or throws when another one makes no sense. */
  async #recover(error: unknown): Promise<void> {
    const { signal, onRestart } = this.#options;
    signal?.throwIfAborted();
    // One connection it is, then.
    if (error instanceof RangeRefused) return;
    const offset = this.#verifier.seenBytes;
    // A registry that was there a moment ago may be restarting; every other told error stays one.
    const mayPass = error instanceof CurruntError && error.kind === "unavailable" && offset > 0;
    if (error instanceof DigestError || (error instanceof CurruntError && !mayPass)) throw error;
    const { attempts, baseDelayMs, maxDelayMs } = this.#source.transport.patience;
    if (offset - this.#offsetAtFailure >= PROGRESS_BYTES) this.#failures = 0;
    this.#offsetAtFailure = offset;
    this.#failures++;
    if (this.#failures >= attempts) {
      throw new CurruntError(
        "unavailable",
        `get blob ${this.#descriptor.digest}: cut off after ${offset} of ${this.#size ?? "unknown"} bytes: ${plain(error)}`,
        {
          hint: "check the network, then try again: what has come is kept, and the next pull goes on from there",
        },
      );
    }
    this.#source.warn(`blob ${this.#descriptor.digest.slice(0, 19)} was cut off (${plain(error)}): resuming`);
    onRestart?.();
    const delayMs = Math.min(baseDelayMs * 2 ** (this.#failures - 1), maxDelayMs);
    await sleep(withJitter(delayMs), signal);
  }

  async #open(): Promise<BodyReader> {
    const offset = this.#verifier.seenBytes;
    const inline = inlineData(this.#descriptor);
    if (inline !== undefined) return readerOf(new Blob([inline]).stream());
    const response = await this.#source.openBlob(this.#descriptor, offset);
    this.#source.slots.take();
    this.#release = () => this.#source.slots.give();
    [this.#openedAt, this.#waitedMs] = [performance.now(), 0];
    this.#skip = await this.#offsetOf(response, offset);
    return readerOf(response.status === 416 ? emptyStream() : (response.body ?? emptyStream()));
  }

  /** How many bytes of `response` are known already. A server without ranges (old Forgejo) sends all of it again. */
  async #offsetOf(response: Response, offset: number): Promise<number> {
    if (response.status === 206) {
      const start = Number(
        /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1] ?? Number.NaN,
      );
      if (start <= offset) return offset - start;
      await discard(response);
      throw new CurruntError(
        "unavailable",
        `get blob ${this.#descriptor.digest}: the registry sent a wrong range`,
      );
    }
    if (response.status === 416) return this.#pastEnd(response, offset);
    const length = Number(response.headers.get("content-length") ?? Number.NaN);
    if (!Number.isNaN(length)) this.#size ??= length;
    if (!Number.isNaN(length) && length !== this.#size && !response.headers.has("content-encoding")) {
      await discard(response);
      throw new DigestError(
        `blob ${this.#descriptor.digest}`,
        `the registry has ${length} bytes, the manifest says ${this.#size}`,
      );
    }
    return offset;
  }

  /** Nothing is left to send: that is the end when the blob has exactly what is here (its size was unknown), else another blob. */
  async #pastEnd(response: Response, offset: number): Promise<number> {
    await discard(response);
    const size = /^bytes \*\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1];
    this.#size ??= size === undefined ? undefined : Number(size);
    if (this.#size === offset) return 0;
    throw new DigestError(`blob ${this.#descriptor.digest}`, `the registry has no more than ${offset} bytes`);
  }

  #withoutKnown(chunk: Uint8Array): Uint8Array {
    const known = Math.min(this.#skip, chunk.byteLength);
    this.#skip -= known;
    return known === 0 ? chunk : chunk.subarray(known);
  }
}

function emptyStream(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.close() });
}

function readerOf(stream: ReadableStream<Uint8Array>) {
  return stream.getReader();
}
