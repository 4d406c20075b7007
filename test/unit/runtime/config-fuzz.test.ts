/** A short run of the fuzz target, always the same one. */
import { expect, test } from "bun:test";
import { corpus, damagedSpec, planOf } from "../../fuzz/config.ts";
import { randomOf } from "../../fuzz/random.ts";

test("the corpus becomes plans", () => {
  for (const spec of corpus) expect(planOf(JSON.stringify(spec))).toBe("planned");
});

test("damaged specs are refused or planned, never anything else", () => {
  const random = randomOf(20_261_123);
  for (let i = 0; i < 1500; i++) planOf(damagedSpec(random));
});
