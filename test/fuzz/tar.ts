/**
 * Feeds broken archives to the layer reader: no input may crash it, hang it, or give what its pieces' sizes decide.
 * By hand: `bun test/fuzz/tar.ts [SECONDS] [SEED]`; as root it also unpacks each archive and looks for what escaped.
 */
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CurruntError, explain } from "../../src/base/error.ts";
import { LayerWriter } from "../../src/image/layer.ts";
import { LayerDirectory } from "../../src/image/layer-directory.ts";
import { TarParser } from "../../src/image/tar.ts";
import { removeTree } from "../../src/sys/directory.ts";
import {
  archive,
  base256,
  header,
  longName,
  member,
  oldSparseBlock,
  oldSparseFields,
  pad,
} from "../fixtures/archive.ts";
import type { Random } from "./random.ts";
import { randomOf } from "./random.ts";

/** Archives of every kind, whole ones. */
export const corpus: readonly Buffer[] = [
  archive({ name: "a", data: "hello" }, { name: "d/", type: "5" }, { name: "d/b", data: "x".repeat(2000) }),
  archive(
    { name: "l", type: "2", link: "/etc" },
    { name: "l/x", data: "1" },
    { name: "h", type: "1", link: "l/x" },
  ),
  archive(
    { name: "h", type: "1", link: "t" },
    { name: "t", data: "late" },
    { name: ".wh.gone" },
    { name: "d/.wh..wh..opq" },
  ),
  archive({
    name: "p",
    pax: { path: "pax/path", size: "3", mtime: "1.5", "SCHILY.xattr.user.a": "b", uid: "7" },
    data: "abc",
  }),
  archive(longName("L", "long/".repeat(30)), { name: "x", magic: "gnu" }, longName("K", "../target"), {
    name: "y",
    type: "2",
    magic: "gnu",
  }),
  archive({
    name: "s",
    type: "S",
    magic: "gnu",
    data: "0123456789",
    patch: oldSparseFields(
      [
        [512, 5],
        [9000, 5],
      ],
      10_000,
    ),
  }),
  archive(
    header({
      name: "s",
      type: "S",
      magic: "gnu",
      size: 50,
      patch: oldSparseFields(
        [
          [0, 10],
          [20, 10],
          [40, 10],
          [60, 10],
        ],
        1000,
        true,
      ),
    }),
    oldSparseBlock([[80, 10]]),
    pad(Buffer.alloc(50, "x")),
  ),
  archive({
    data: Buffer.concat([pad(Buffer.from("2\n0\n5\n10\n5\n")), Buffer.from("0123456789")]),
    pax: {
      "GNU.sparse.major": "1",
      "GNU.sparse.minor": "0",
      "GNU.sparse.name": "sparse",
      "GNU.sparse.realsize": "20",
    },
  }),
  archive({ data: "0123456789", pax: { "GNU.sparse.size": "20", "GNU.sparse.map": "0,5,10,5" } }),
  archive(
    { name: "old", magic: "v7", type: "\0" },
    { name: "c", type: "3", major: 1, minor: 3 },
    { name: "p", type: "6" },
  ),
  archive(
    { patch: { 108: base256(2n ** 31n, 8), 136: base256(-5n, 12) } },
    { name: "z", patch: { 124: base256(0n, 12) } },
  ),
  archive(
    { name: ".wh..wh.plnk/1.2", data: "x" },
    { name: "k", type: "1", link: ".wh..wh.plnk/1.2" },
    { name: "./", type: "5", mode: 0 },
  ),
  Buffer.concat([
    member({ type: "g", data: "13 path=abcd\n" }),
    archive({ name: "../up" }),
    Buffer.from("garbage"),
  ]),
];

/** Texts that mean something to a reader, put in anywhere. */
const tokens = [
  "../",
  "/",
  "..",
  ".wh.",
  ".wh..wh..opq",
  "\0",
  "ustar",
  "x",
  "L",
  "K",
  "S",
  base256(2n ** 50n, 12).toString("latin1"),
  "1",
  "2",
  "5",
  "\x80",
  "\xff",
  "9".repeat(20),
  "GNU.sparse.map=",
  "-1",
];

/** One corpus archive with some damage. */
export function mutate(random: Random): Buffer {
  return damageArchive(one(random), random);
}

function one(random: Random): Buffer {
  return corpus[random(corpus.length)] ?? Buffer.alloc(0);
}

/** A copy with some damage; checksums are mended most of the time, so that the damage is looked at. */
export function damageArchive(whole: Buffer, random: Random): Buffer {
  let bytes = Buffer.from(whole);
  for (let round = random(6) + 1; round > 0; round--) {
    const at = random(bytes.length + 1);
    const kind = random(6);
    if (kind === 0 && at < bytes.length) bytes[at] = random(256);
    else if (kind === 1) Buffer.from(tokens[random(tokens.length)] ?? "", "latin1").copy(bytes, at);
    else if (kind === 2) bytes = bytes.subarray(0, at);
    else if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, at - (at % 512)), one(random)]);
    else if (kind === 4)
      bytes = Buffer.concat([
        bytes.subarray(0, at),
        bytes.subarray(Math.min(bytes.length, at + 512 * random(3))),
      ]);
    else if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
  }
  if (random(4) > 0) mendChecksums(bytes);
  return bytes;
}

function mendChecksums(bytes: Buffer): void {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const looks = bytes.toString("latin1", at + 257, at + 262) === "ustar" || bytes[at + 154] === 0;
    if (!looks || bytes[at] === 0) continue;
    bytes.fill(" ", at + 148, at + 156);
    let sum = 0;
    for (let i = at; i < at + 512; i++) sum += bytes[i] ?? 0;
    bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148, "latin1");
  }
}

/** What the parser makes of the archive in pieces of the given sizes: events and the last word, as text. */
export function parse(bytes: Buffer, pieceSize: () => number): string {
  const events: string[] = [];
  let data = 0;
  let hash = 0;
  const parser = new TarParser({
    entry: (entry) => {
      events.push(JSON.stringify({ ...entry, xattrs: [...(entry.xattrs ?? [])] }));
      data = 0;
      hash = 0;
    },
    data: (piece, offset) => {
      for (const [i, byte] of piece.entries()) hash = (Math.imul(hash, 31) + byte + (offset + i)) | 0;
      data += piece.length;
    },
    endEntry: () => void events.push(`${data} ${hash}`),
  });
  try {
    for (let at = 0; at < bytes.length; ) {
      const size = pieceSize();
      parser.push(bytes.subarray(at, at + size));
      at += size;
    }
    parser.end();
  } catch (error) {
    // Every refusal is one of ours, with words for people. Anything else is a defect.
    if (!(error instanceof CurruntError) || error.kind !== "invalid") throw error;
    // The place is that of the piece for what was cut.
    events.push(explain(error).replace(/byte \d+/g, "byte N"));
  }
  return events.join("\n");
}

/** One mutated archive: the same in one piece as in many. Returns it. */
export function checkOne(random: Random): Buffer {
  const bytes = mutate(random);
  const whole = parse(bytes, () => Math.max(1, bytes.length));
  const pieces = parse(bytes, () => random(700) + 1);
  if (whole !== pieces) throw new Error(`pieces change the result:\n${whole}\n---\n${pieces}`);
  return bytes;
}

/** Unpacks the archive beside a canary. */
export function unpackOne(bytes: Buffer, scratch: string): void {
  const [outside, staging] = [join(scratch, "outside"), join(scratch, "layer")];
  mkdirSync(staging);
  try {
    using writer = new LayerWriter(
      new LayerDirectory({ path: staging, namespace: "trusted", warn: () => undefined }),
    );
    const parser = new TarParser(writer, { entries: 1000, headerBytes: 1 << 20, xattrBytes: 65536 });
    parser.push(bytes);
    parser.end();
    writer.settle();
    writer.finish();
  } catch (error) {
    if (!(error instanceof CurruntError)) throw error;
    if (/unreachable|used after/.test(explain(error))) throw error;
  } finally {
    removeTree(undefined, staging);
  }
  const left = [readdirSync(scratch), readdirSync(outside)].flat().join();
  if (left !== "outside,canary") throw new Error(`something escaped: ${left}`);
}

async function main(seconds: number, seed: number): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "currunt-fuzz-"));
  mkdirSync(join(scratch, "outside"));
  writeFileSync(join(scratch, "outside/canary"), "");
  const random = randomOf(seed);
  const end = Date.now() + seconds * 1000;
  let count = 0;
  let bytes: Buffer = Buffer.alloc(0);
  try {
    for (; Date.now() < end; count++) {
      bytes = checkOne(random);
      if (process.geteuid?.() === 0) unpackOne(bytes, scratch);
    }
    console.log(`${count} archives, seed ${seed}: nothing found`);
  } catch (error) {
    const file = join(tmpdir(), `currunt-fuzz-${seed}-${count}.tar`);
    writeFileSync(file, bytes);
    console.error(`seed ${seed}, archive ${count}, kept as ${file}`);
    throw error;
  } finally {
    removeTree(undefined, scratch);
  }
}

if (import.meta.main) await main(Number(process.argv[2] ?? 60), Number(process.argv[3] ?? Date.now() % 1e6));
