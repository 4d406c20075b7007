/** Digests that are made as bytes pass. */
import type { Hash } from "../sys/gunzip.ts";
import { startSha256 } from "../sys/gunzip.ts";
import type { Algorithm } from "./digest.ts";

/** Begins one, with the fastest code that there is for it. */
export function startHash(algorithm: Algorithm): Hash {
  const fast = algorithm === "sha256" ? startSha256() : undefined;
  if (fast !== undefined) return fast;
  const hasher = new Bun.CryptoHasher(algorithm);
  return {
    add: (bytes) => void hasher.update(bytes),
    digest: () => hasher.digest(),
  };
}
