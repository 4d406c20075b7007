/**
 * Feeds damaged image references to their parser: what it takes has one spelling, stays itself when it is printed and read again, and is
 * safe in a URL; all else is refused with words for people. By hand: `bun test/fuzz/reference.ts [SECONDS] [SEED] [keep]`.
 */
import { isDeepStrictEqual } from "node:util";
import { familiarReference, formatReference, parseReference } from "../../src/image/reference.ts";
import type { Random } from "./random.ts";
import { damageText, pick } from "./random.ts";
import type { Target } from "./target.ts";
import { main, refusal } from "./target.ts";

const hex = "0123456789abcdef".repeat(4);
const seeds: readonly [string, ...string[]] = [
  "busybox",
  "quay.io/prometheus/busybox:v1.2.3",
  "localhost/a",
  "localhost:5000/a/b/c:tag",
  "[fe80::1]:443/x",
  `ghcr.io/a/b@sha256:${hex}`,
  `index.docker.io/library/a:t@sha512:${hex}${hex}`,
  "A.example/b__c--d.e",
  "docker.io/a.b/c",
];
const tokens: readonly string[] = [
  ...["/", ":", "@", ".", "..", "_", "__", "___", "-", "[", "]", "::", "//", "%2e", "?", "#", "\\", "\0"],
  ...["library/", "docker.io/", "index.docker.io/", "localhost", "sha256:", hex, ":65536", "X", "ü", " "],
  "a".repeat(130),
];

export const target: Target = {
  name: "reference",
  make: (random: Random, parent) =>
    Buffer.from(damageText(parent?.toString() ?? pick(random, seeds), tokens, random)),
  check(input) {
    const text = input.toString();
    let reference: ReturnType<typeof parseReference>;
    try {
      reference = parseReference(text);
    } catch (error) {
      return refusal(error, ["invalid", "unsupported"]);
    }
    for (const spelling of [formatReference(reference), familiarReference(reference)]) {
      if (!isDeepStrictEqual(parseReference(spelling), reference)) {
        throw new Error(
          `${JSON.stringify(text)} is printed as ${JSON.stringify(spelling)}, which is another one`,
        );
      }
    }
    const { registry, repository, tag, digest } = reference;
    const path = `/v2/${repository}/manifests/${digest ?? tag}`;
    const url = new URL(`https://${registry}${path}`);
    if (url.pathname + url.search + url.hash !== path || url.username !== "" || url.password !== "") {
      throw new Error(`${JSON.stringify(text)} asks for ${url.href}`);
    }
    return `read: ${tag === undefined ? "" : ":tag"}${digest === undefined ? "" : "@digest"}`;
  },
};

if (import.meta.main) main(target);
