/** Decompresses gzip data, members and padding, and hashes what comes out. */
import { CurruntError } from "../base/error.ts";
import { Gunzip } from "../sys/gunzip.ts";
import type { Algorithm } from "./digest.ts";
import type { Sink } from "./sink.ts";

/**
 * Reads `source` to its end and gives what it inflates to `sink`; returns its digest when an algorithm is given. The thread that inflates
 * runs ahead, by as much as its memory takes, while `sink` works.
 */
export async function gunzip(
  source: AsyncIterable<Uint8Array>,
  sink: Sink,
  algorithm: Algorithm | undefined,
): Promise<string | undefined> {
  using stream = new Gunzip({ hash: algorithm === "sha256" });
  using output = new Output(stream, sink, algorithm);
  for await (const chunk of source) {
    for (let rest = chunk; rest.length > 0; ) {
      rest = rest.subarray(stream.put(rest));
      if (rest.length > 0) output.drain();
    }
  }
  stream.finish();
  while (output.drain() !== "ended");
  return output.digest();
}

/** Those of all streams that this thread is at. */
const outputs = new Set<Output>();

/** What comes out of a stream. */
class Output implements Disposable {
  readonly #stream: Gunzip;
  readonly #sink: Sink;
  readonly #algorithm: Algorithm | undefined;
  /** Where the stream itself makes no digest. */
  readonly #hash: Bun.CryptoHasher | undefined;
  /** What happened while the thread was at another stream. */
  #failure: { readonly error: unknown } | undefined;

  constructor(stream: Gunzip, sink: Sink, algorithm: Algorithm | undefined) {
    this.#stream = stream;
    this.#sink = sink;
    this.#algorithm = algorithm;
    this.#hash = algorithm === undefined || stream.hashes ? undefined : new Bun.CryptoHasher(algorithm);
    outputs.add(this);
  }

  /** Gives the next piece to the sink: waits for it, after it has worked on what other streams have ready. */
  drain(): "more" | "ended" {
    while (!this.#stream.ready && this.#helpAnother());
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#drainOne();
  }

  #drainOne(): "more" | "ended" {
    const piece = this.#take();
    if (typeof piece === "string") return piece === "ended" ? "ended" : "more";
    this.#hash?.update(piece);
    this.#sink(piece);
    return "more";
  }

  /** False when none has anything. */
  #helpAnother(): boolean {
    for (const other of outputs) {
      if (other === this || other.#failure !== undefined || !other.#stream.ready) continue;
      try {
        other.#drainOne();
      } catch (error) {
        other.#failure = { error };
      }
      return true;
    }
    return false;
  }

  #take(): Buffer | "wants input" | "ended" {
    try {
      return this.#stream.take();
    } catch (error) {
      throw new CurruntError("invalid", "decompress gzip", { cause: error });
    }
  }

  /** At the end. */
  digest(): string | undefined {
    if (this.#algorithm === undefined) return undefined;
    const hex = this.#hash?.digest("hex") ?? this.#stream.digest().toHex();
    return `${this.#algorithm}:${hex}`;
  }

  [Symbol.dispose](): void {
    outputs.delete(this);
  }
}
