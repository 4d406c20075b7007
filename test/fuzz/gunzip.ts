/**
 * Feeds damaged gzip data to the C that inflates it: what zlib takes it takes, with the same bytes, and what zlib refuses it refuses,
 * whatever the pieces are that the data comes in. Memory around its rings may not be touched: a step too far ends the process.
 * By hand: `bun test/fuzz/gunzip.ts [SECONDS] [SEED] [keep]`.
 */
import { constants, gunzipSync, gzipSync } from "node:zlib";
import { explain } from "../../src/base/error.ts";
import { inflateAll } from "../fixtures/gunzip.ts";
import type { Random } from "./random.ts";
import type { Target } from "./target.ts";
import { main } from "./target.ts";

const { Z_DEFAULT_STRATEGY, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE } = constants;

/** Whole streams of every kind of block. */
function wholeStream(random: Random): Buffer {
  const length = random(30) === 0 ? random(100_000) : random(600);
  const symbols = 1 + random(random(2) === 0 ? 4 : 256);
  const text = Buffer.from(
    Array.from({ length }, (_, i) => (random(3) === 0 ? random(symbols) : i % symbols)),
  );
  const strategy = [Z_DEFAULT_STRATEGY, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE][random(4)] ?? Z_DEFAULT_STRATEGY;
  const stream = gzipSync(text, { level: random(10), strategy });
  return random(4) === 0 ? Buffer.concat([stream, wholeStream(random)]) : stream;
}

function damage(random: Random, stream: Buffer): Buffer {
  const bytes = Buffer.from(stream);
  for (let left = 1 + random(3); left > 0; left--) {
    const at = random(bytes.length + 1);
    const kind = random(5);
    if (kind === 0) return bytes.subarray(0, at);
    if (kind === 1) return Buffer.concat([bytes.subarray(0, at), bytes.subarray(random(bytes.length + 1))]);
    if (kind === 2) bytes.fill(random(256), at, Math.min(bytes.length, at + random(20)));
    else if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
  }
  return bytes;
}

function checkStream(input: Buffer): string {
  let expected: Buffer | undefined;
  try {
    expected = gunzipSync(input, { maxOutputLength: 64 << 20 });
  } catch {
    expected = undefined;
  }
  const outcomes = [input.length, 7, 1000].map((piece) => verdict(input, piece, expected));
  outcomes.push(verdict(input, 333, expected, true));
  if (new Set(outcomes).size > 1) throw new Error(`the pieces decide: ${outcomes.join(", ")}`);
  return outcomes[0] ?? "";
}

function verdict(input: Buffer, piece: number, expected: Buffer | undefined, plain = false): string {
  let made: Buffer;
  try {
    made = inflateAll(input, { piece, plain }).output;
  } catch (error) {
    // zlib's caller ignores what follows the last member, which is no padding.
    if (expected !== undefined && !followedByMore(input)) throw error;
    return explain(error);
  }
  if (expected === undefined) throw new Error("zlib refuses it");
  if (!made.equals(expected)) throw new Error("zlib makes something else of it");
  return `a stream of ${made.length === 0 ? "nothing" : "something"}`;
}

/** Whether the input is as good without its last bytes. */
function followedByMore(input: Buffer): boolean {
  for (let end = input.length - 1; end >= 18; end--) {
    try {
      inflateAll(input.subarray(0, end), { piece: end, plain: false });
      return true;
    } catch {}
  }
  return false;
}

export const target: Target = {
  name: "gunzip",
  make: (random, parent) => {
    const whole = parent ?? wholeStream(random);
    return random(8) === 0 ? whole : damage(random, whole);
  },
  check: checkStream,
};

if (import.meta.main) main(target);
