/** Decompresses gzip data, members and padding, and hashes what comes out. */
import { CurruntError } from "../base/error.ts";
import type { Hash } from "../sys/gunzip.ts";
import { GunzipInput, GunzipOutput } from "../sys/gunzip.ts";
import type { Algorithm } from "./digest.ts";
import { startHash } from "./hash.ts";
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
  using stream = openGunzip(algorithm);
  using output = new Output(stream.address, sink, algorithm);
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

/** A stream for `gunzip` or, with another thread to take from it, `takeGunzip`, which the same algorithm is given. */
export function openGunzip(algorithm: Algorithm | undefined): GunzipInput {
  return new GunzipInput({ hash: algorithm === "sha256" });
}

/** How it stands with a stream's input after a piece of output. */
export interface InputState {
  /** It is used up: there is no point in going on before there is more. */
  readonly wanted: boolean;
  /** Who was held up by the lack of room can go on. */
  readonly hasRoom: boolean;
}

/** As `gunzip`, for the stream at `address`, into which somebody else puts data. `between` is awaited after each piece. */
export async function takeGunzip(
  address: number,
  sink: Sink,
  algorithm: Algorithm | undefined,
  between: (input: InputState) => Promise<void>,
): Promise<string | undefined> {
  using output = new Output(address, sink, algorithm);
  for (;;) {
    const found = output.drain();
    if (found === "ended") return output.digest();
    await between({ wanted: found === "wants input", hasRoom: output.hasRoom() });
  }
}

/** Those of all streams that this thread is at. */
const outputs = new Set<Output>();

type Drained = "a piece" | "wants input" | "ended";

/** What comes out of a stream. */
class Output implements Disposable {
  readonly #stream: GunzipOutput;
  readonly #sink: Sink;
  readonly #algorithm: Algorithm | undefined;
  /** Where the stream itself makes no digest. */
  readonly #hash: Hash | undefined;
  /** What happened while the thread was at another stream. */
  #failure: { readonly error: unknown } | undefined;

  constructor(address: number, sink: Sink, algorithm: Algorithm | undefined) {
    this.#stream = new GunzipOutput(address);
    this.#sink = sink;
    this.#algorithm = algorithm;
    this.#hash = algorithm === undefined || this.#stream.hashes ? undefined : startHash(algorithm);
    outputs.add(this);
  }

  /** Gives the next piece to the sink: waits for it, after it has worked on what other streams have ready. */
  drain(): Drained {
    while (!this.#stream.ready && this.#helpAnother());
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#drainOne();
  }

  hasRoom(): boolean {
    return this.#stream.hasRoom();
  }

  #drainOne(): Drained {
    const piece = this.#take();
    if (typeof piece === "string") return piece;
    this.#hash?.add(piece);
    this.#sink(piece);
    return "a piece";
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
    return `${this.#algorithm}:${(this.#hash ?? this.#stream).digest().toHex()}`;
  }

  [Symbol.dispose](): void {
    outputs.delete(this);
  }
}
