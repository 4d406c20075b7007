/** A short run of the fuzz target, always the same one. */
import { expect, test } from "bun:test";
import { randomOf } from "../../fuzz/random.ts";
import { checkOne, corpus, parse } from "../../fuzz/tar.ts";

test("the corpus parses the same in one piece and byte by byte", () => {
  for (const bytes of corpus) expect(parse(bytes, () => 1)).toBe(parse(bytes, () => bytes.length));
});

test("damaged archives are read or refused, never anything else", () => {
  const random = randomOf(20_231_123);
  for (let i = 0; i < 1500; i++) checkOne(random);
});
