import { expect, test } from "bun:test";
import { digestOf, isDigest, parseDigest, verifyBytes } from "../../../src/image/digest.ts";

const hello = new TextEncoder().encode("hello");
const sha256 = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

test("digestOf() hashes with sha256 and sha512", () => {
  expect(digestOf(hello)).toBe(sha256);
  expect(digestOf("hello", "sha512")).toMatch(/^sha512:9b71d224bd62f378/);
});

test("parseDigest() takes what can be a file name and nothing else", () => {
  expect(parseDigest(sha256)).toEqual({ algorithm: "sha256", hex: sha256.slice(7) });
  for (const bad of [
    "",
    "sha256",
    "sha256:",
    `sha256:../${sha256.slice(10)}`,
    sha256.toUpperCase(),
    `${sha256}0`,
    `x${sha256}`,
  ]) {
    expect(() => parseDigest(bad)).toThrow("check digest");
    expect(isDigest(bad)).toBe(false);
  }
  expect(() => parseDigest(`blake3:${sha256.slice(7)}`)).toThrow("unsupported algorithm");
  expect(() => parseDigest(`constructor:${sha256.slice(7)}`)).toThrow("unsupported algorithm");
  expect(isDigest(sha256)).toBe(true);
});

test("verifyBytes() names the subject and both digests", () => {
  verifyBytes(hello, sha256, "it");
  expect(() => verifyBytes(hello.subarray(1), sha256, "the config")).toThrow(
    `verify the config: its digest is sha256:`,
  );
});
