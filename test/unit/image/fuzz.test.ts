/** A short run of each fuzz target of references, challenges, documents, archives and compressed data, always the same one, after what was kept. */
import { describe, expect, test } from "bun:test";
import { target as archive } from "../../fuzz/archive.ts";
import { target as challenge } from "../../fuzz/challenge.ts";
import { target as gunzip } from "../../fuzz/gunzip.ts";
import { target as manifest } from "../../fuzz/manifest.ts";
import { randomOf } from "../../fuzz/random.ts";
import { target as reference } from "../../fuzz/reference.ts";
import { corpusOf, explore } from "../../fuzz/target.ts";

describe("damaged input is read or refused, never anything else:", () => {
  for (const target of [reference, challenge, manifest, archive, gunzip]) {
    test(target.name, () => {
      const { outcomes } = explore(target, randomOf(20_261_127), (round) => round < 500);
      // Each input of the corpus is there for an outcome of its own.
      expect(outcomes.size).toBeGreaterThanOrEqual(corpusOf(target).length / 2);
    });
  }
});
