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
  const output = new Output(stream, sink, algorithm);
  for await (const chunk of source) {
    for (let rest = chunk; rest.length > 0; ) {
      rest = rest.subarray(stream.put(rest));
      // Goes on for the next piece of input while this one is worked on.
      if (rest.length > 0) output.drain("once");
    }
  }
  stream.finish();
  output.drain("whole");
  return output.digest();
}

/** What comes out of a stream. */
class Output {
  readonly #stream: Gunzip;
  readonly #sink: Sink;
  readonly #algorithm: Algorithm | undefined;
  /** Where the stream itself makes no digest. */
  readonly #hash: Bun.CryptoHasher | undefined;

  constructor(stream: Gunzip, sink: Sink, algorithm: Algorithm | undefined) {
    this.#stream = stream;
    this.#sink = sink;
    this.#algorithm = algorithm;
    this.#hash = algorithm === undefined || stream.hashes ? undefined : new Bun.CryptoHasher(algorithm);
  }

  /** Gives pieces to the sink: one, or all up to the end of the stream. */
  drain(extent: "once" | "whole"): void {
    do {
      const piece = this.#take();
      if (typeof piece === "string") return;
      this.#hash?.update(piece);
      this.#sink(piece);
    } while (extent === "whole");
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
}
