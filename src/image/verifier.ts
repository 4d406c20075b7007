/** Verifies size and digest of a stream as it passes. */
import type { Hash } from "../sys/gunzip.ts";
import type { Algorithm } from "./digest.ts";
import { DigestError, parseDigest } from "./digest.ts";
import { startHash } from "./hash.ts";

/** Checks a stream piece by piece against a promised digest and size. */
export class Verifier {
  readonly #hash: Hash;
  readonly #digest: string;
  readonly #algorithm: Algorithm;
  readonly #sizeBytes: number | undefined;
  readonly #subject: string;
  #seen = 0;

  /** `sizeBytes` undefined: only the digest counts. */
  constructor(digest: string, sizeBytes: number | undefined, subject: string) {
    this.#algorithm = parseDigest(digest).algorithm;
    this.#digest = digest;
    this.#sizeBytes = sizeBytes;
    this.#subject = subject;
    this.#hash = startHash(this.#algorithm);
  }

  /** Bytes seen so far. */
  get seenBytes(): number {
    return this.#seen;
  }

  /** Takes the next piece. Throws at the first byte beyond the promised size. */
  update(chunk: Uint8Array): void {
    this.#seen += chunk.byteLength;
    if (this.#sizeBytes !== undefined && this.#seen > this.#sizeBytes) {
      throw new DigestError(this.#subject, `it has more than the promised ${this.#sizeBytes} bytes`);
    }
    this.#hash.add(chunk);
  }

  /** Throws unless all that was seen is exactly what was promised. */
  finish(): void {
    if (this.#sizeBytes !== undefined && this.#seen !== this.#sizeBytes) {
      throw new DigestError(this.#subject, `it has ${this.#seen} bytes, expected ${this.#sizeBytes}`);
    }
    const actual = `${this.#algorithm}:${this.#hash.digest().toHex()}`;
    if (actual !== this.#digest) {
      throw new DigestError(this.#subject, `its digest is ${actual}, expected ${this.#digest}`);
    }
  }
}
