/** What all fuzz targets of texts and documents share: their rounds, the inputs that they keep, what counts as found. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ErrorKind } from "../../src/base/error.ts";
import { CurruntError, explain } from "../../src/base/error.ts";
import type { Random } from "./random.ts";
import { randomOf } from "./random.ts";

export interface Target {
  /** Of its folder in `corpus`. */
  readonly name: string;
  /** A new input, or one like `parent`, which has led somewhere. */
  make(random: Random, parent: Buffer | undefined): Buffer;
  /** Reads the input; returns what became of it. Throws what `refusal` does not excuse, when it has found something. */
  check(input: Buffer): string;
}

/** Inputs that are kept are small: they are read by people. */
const maximumKept = 4096;
const maximumCorpus = 32;
const maximumParents = 2000;

function folderOf({ name }: Target): string {
  return join(import.meta.dir, "corpus", name);
}

/** The inputs that were kept: each led somewhere else than the others, or found something. */
export function corpusOf(target: Target): Buffer[] {
  const folder = folderOf(target);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name)));
}

function keep(target: Target, input: Buffer): string {
  const folder = folderOf(target);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, new Bun.CryptoHasher("sha256").update(input).digest("hex").slice(0, 12));
  writeFileSync(path, input);
  return path;
}

/** The outcome of a refusal: its words, without what it quotes and counts. Anything but a refusal with words for people is thrown. */
export function refusal(error: unknown, kinds: readonly ErrorKind[]): string {
  if (!(error instanceof CurruntError) || !kinds.includes(error.kind)) throw error;
  const words = explain(error);
  if (/unreachable|\[object/.test(words.replace(/"(?:[^"\\]|\\.)*"/g, ""))) throw error;
  return words
    .replace(/"(?:[^"\\]|\\.)*"/g, '"…"')
    .replace(/[0-9a-f]{12,}/g, "H")
    .replace(/-?\d+/g, "N");
}

export interface Findings {
  /** Inputs by their outcome: the first that led there. */
  readonly outcomes: Map<string, Buffer>;
  readonly rounds: number;
}

/** Tries the corpus, then new inputs as long as `goesOn`. An input that leads to a new outcome becomes a parent of others. */
export function explore(target: Target, random: Random, goesOn: (round: number) => boolean): Findings {
  const outcomes = new Map<string, Buffer>();
  const parents: Buffer[] = [];
  let rounds = 0;
  const run = (input: Buffer) => {
    try {
      const outcome = target.check(input);
      if (outcomes.has(outcome)) return;
      outcomes.set(outcome, input);
      if (parents.length < maximumParents) parents.push(input);
    } catch (error) {
      throw new Error(`round ${rounds}, kept as ${keep(target, input)}: ${explain(error)}`, { cause: error });
    }
  };
  for (const input of corpusOf(target)) run(input);
  for (; goesOn(rounds); rounds++) {
    const parent = random(2) === 0 ? undefined : parents[random(parents.length)];
    run(target.make(random, parent));
  }
  return { outcomes, rounds };
}

/** `[SECONDS] [SEED] [keep]` of the command line; with "keep", inputs that lead somewhere new join the corpus. */
export function main(target: Target): void {
  const [seconds = "60", seed = String(Date.now() % 1e6), wish] = process.argv.slice(2);
  const end = Date.now() + Number(seconds) * 1000;
  const known = new Set(corpusOf(target).map((input) => target.check(input)));
  const { outcomes, rounds } = explore(target, randomOf(Number(seed)), () => Date.now() < end);
  if (wish === "keep") {
    const small = [...outcomes].filter(
      ([outcome, input]) => !known.has(outcome) && input.length <= maximumKept,
    );
    for (const [, input] of small.slice(0, maximumCorpus - known.size)) keep(target, input);
  }
  console.log(`${target.name}: ${rounds} inputs, seed ${seed}: ${outcomes.size} outcomes, nothing found`);
}
