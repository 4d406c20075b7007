import { describe, expect, test } from "bun:test";
import { CurruntError } from "../../../src/base/error.ts";
import type { ImageIndex } from "../../../src/image/manifest.ts";
import { choosePlatform, formatPlatform, hostPlatform, parsePlatform } from "../../../src/image/platform.ts";

/** An index of these platforms; the entry number `n` has the digest ending in n. */
function indexOf(...platforms: (string | undefined)[]): ImageIndex {
  const manifests = platforms.map((text, n) => {
    const [os = "", architecture = "", variant] = text?.split("/") ?? [];
    const platform =
      text === undefined
        ? {}
        : { platform: { os, architecture, ...(variant === undefined ? {} : { variant }) } };
    return { mediaType: "", digest: `sha256:${String(n).padStart(64, "0")}`, size: 1, ...platform };
  });
  return { schemaVersion: 2, manifests };
}

const chosen = (index: ImageIndex, wanted: string) =>
  Number(choosePlatform(index, parsePlatform(wanted), '"it"').digest.slice(-3));

test("parsePlatform() normalises what people write", () => {
  const cases: [string, string][] = [
    ["linux/amd64", "linux/amd64"],
    ["Linux/x86_64", "linux/amd64"],
    ["arm64", "linux/arm64"],
    ["aarch64", "linux/arm64"],
    ["linux/arm64/v8", "linux/arm64"],
    ["linux/arm/7", "linux/arm/v7"],
    ["linux/armhf", "linux/arm/v7"],
    ["linux/amd64/v3", "linux/amd64/v3"],
    ["linux", formatPlatform(hostPlatform())],
  ];
  for (const [text, platform] of cases) expect(formatPlatform(parsePlatform(text))).toBe(platform);
  for (const bad of ["", "linux/", "a/b/c/d", "linux/am d64", "/"])
    expect(() => parsePlatform(bad)).toThrow("OS/ARCHITECTURE");
});

describe("choosePlatform()", () => {
  test("takes the exact one", () => {
    expect(chosen(indexOf("linux/arm64", "windows/amd64", "linux/amd64"), "linux/amd64")).toBe(2);
    expect(chosen(indexOf("linux/amd64", "linux/arm64/v8"), "linux/arm64")).toBe(1);
  });

  test("goes down the arm variants, and ends at the entry without one", () => {
    expect(chosen(indexOf("linux/arm/v5", "linux/arm/v6", "linux/arm/v8"), "linux/arm/v7")).toBe(1);
    expect(chosen(indexOf("linux/arm", "linux/arm/v8"), "linux/arm/v7")).toBe(0);
    expect(chosen(indexOf("linux/arm/v7", "linux/arm"), "linux/arm")).toBe(1);
  });

  test("takes the highest amd64 level that was asked for, the plain one for a plain wish", () => {
    const levels = indexOf("linux/amd64/v2", "linux/amd64", "linux/amd64/v3", "linux/amd64/v4");
    expect(chosen(levels, "linux/amd64/v3")).toBe(2);
    expect(chosen(levels, "linux/amd64")).toBe(1);
  });

  test("takes the first of equals, and an entry without a platform last", () => {
    expect(chosen(indexOf(undefined, "linux/amd64", "linux/amd64"), "linux/amd64")).toBe(1);
    expect(chosen(indexOf(undefined, "linux/arm64"), "linux/amd64")).toBe(0);
  });

  test("leaves attestations out and lists what there is", () => {
    const index = indexOf("linux/arm64", "unknown/unknown", "linux/386", "linux/386");
    const attestation = {
      ...indexOf("linux/amd64").manifests[0],
      annotations: { "vnd.docker.reference.type": "attestation-manifest" },
    };
    const all = { ...index, manifests: [...index.manifests, attestation] } as ImageIndex;
    try {
      choosePlatform(all, parsePlatform("linux/amd64"), '"it"');
      throw new Error("it was found");
    } catch (error) {
      if (!(error instanceof CurruntError)) throw error;
      expect(error.kind).toBe("not-found");
      expect(error.message).toBe('find linux/amd64 in "it": it is not among its platforms');
      expect(error.hint).toBe("it has linux/arm64, linux/386: choose one with -platform");
    }
  });
});
