import { expect, test } from "bun:test";
import { DigestError, digestOf } from "../../../src/image/digest.ts";
import { Verifier } from "../../../src/image/verifier.ts";

const hello = new TextEncoder().encode("hello");
const sha256 = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

test("Verifier passes content in any pieces", () => {
  for (const cut of [0, 1, 4, 5]) {
    const verifier = new Verifier(sha256, 5, "it");
    verifier.update(hello.subarray(0, cut));
    verifier.update(hello.subarray(cut));
    verifier.finish();
    expect(verifier.seenBytes).toBe(5);
  }
});

test("Verifier stops at the first byte too many, and at the end for too few or others", () => {
  expect(() => new Verifier(sha256, 4, "it").update(hello)).toThrow("more than the promised 4 bytes");
  const short = new Verifier(sha256, 6, "it");
  short.update(hello);
  expect(() => short.finish()).toThrow("has 5 bytes, expected 6");
  const other = new Verifier(sha256, undefined, "it");
  other.update(hello.subarray(1));
  expect(() => other.finish()).toThrow(DigestError);
});

test("Verifier hashes as others do, whatever the pieces, with sha256 and sha512", () => {
  const bytes = Buffer.from(Array.from({ length: 1000 }, (_, i) => (i * 7919) % 251));
  for (const algorithm of ["sha256", "sha512"] as const) {
    for (let length = 0; length <= 200; length++) {
      const content = bytes.subarray(0, length);
      for (const piece of [1, 55, 63, 64, 65, 1000]) {
        const verifier = new Verifier(digestOf(content, algorithm), length, "it");
        for (let at = 0; at < length; at += piece) verifier.update(content.subarray(at, at + piece));
        verifier.finish();
      }
    }
  }
});
