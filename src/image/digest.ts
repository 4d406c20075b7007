/** Content digests: checked strings, and the error of content that has another one. */
import { CurruntError } from "../base/error.ts";

/** Hexadecimal length of the algorithms that the image spec registers and that we can compute. */
const algorithms = { sha256: 64, sha512: 128 } as const;
/** Of a digest. */
export type Algorithm = keyof typeof algorithms;

export interface Digest {
  readonly algorithm: Algorithm;
  /** Lower-case hexadecimal, of exactly the algorithm's length: safe as a file name and in a URL. */
  readonly hex: string;
}

/** Parses "sha256:<hex>". Throws "unsupported" for an algorithm that we cannot compute, "invalid" for a bad string. */
export function parseDigest(text: string): Digest {
  const colon = text.indexOf(":");
  const algorithm = text.slice(0, Math.max(colon, 0));
  const hex = text.slice(colon + 1);
  if (!isAlgorithm(algorithm)) {
    if (/^[a-z0-9]+(?:[+._-][a-z0-9]+)*$/.test(algorithm)) {
      throw new CurruntError("unsupported", `check digest ${JSON.stringify(text)}: unsupported algorithm`, {
        hint: "sha256 and sha512 are supported",
      });
    }
    throw invalidDigest(text);
  }
  // Strict, because the hex becomes a path and a URL (CVE-2024-3727).
  if (hex.length !== algorithms[algorithm] || !/^[a-f0-9]+$/.test(hex)) throw invalidDigest(text);
  return { algorithm, hex };
}

/** True for a string that `parseDigest` takes. */
export function isDigest(text: string): boolean {
  const colon = text.indexOf(":");
  const algorithm = text.slice(0, Math.max(colon, 0));
  return (
    isAlgorithm(algorithm) && new RegExp(`^[a-f0-9]{${algorithms[algorithm]}}$`).test(text.slice(colon + 1))
  );
}

/** The digest string of `bytes`, sha256 unless told otherwise. */
export function digestOf(bytes: Uint8Array | string, algorithm: Algorithm = "sha256"): string {
  return `${algorithm}:${new Bun.CryptoHasher(algorithm).update(bytes).digest("hex")}`;
}

/** Throws when `bytes` do not hash to `digest`. `subject` names the thing in the message. */
export function verifyBytes(bytes: Uint8Array, digest: string, subject: string): void {
  const actual = digestOf(bytes, parseDigest(digest).algorithm);
  if (actual !== digest) throw new DigestError(subject, `its digest is ${actual}, expected ${digest}`);
}

/** Content that is not what its descriptor promised. A transfer may be tried again; a stored copy is damaged. */
export class DigestError extends CurruntError {
  override readonly name = "DigestError";

  constructor(subject: string, detail: string) {
    super("unavailable", `verify ${subject}: ${detail}`, {
      hint: "the registry, a proxy or the network changed the content: try again, or pull from elsewhere",
    });
  }
}

function isAlgorithm(name: string): name is Algorithm {
  return Object.hasOwn(algorithms, name);
}

function invalidDigest(text: string): CurruntError {
  return new CurruntError("invalid", `check digest ${JSON.stringify(text)}: not a digest`, {
    hint: 'a digest is "sha256:" and 64 lower-case hexadecimal digits',
  });
}
