/** The C that inflates: against zlib's own output, in every kind of block, header and piece; and what it refuses, by name. */

import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { constants, crc32, gzipSync } from "node:zlib";
import { GunzipInput, GunzipOutput } from "../../../src/sys/gunzip.ts";
import { inflateAll } from "../../fixtures/gunzip.ts";

const { Z_DEFAULT_STRATEGY, Z_FILTERED, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE } = constants;

/** The same each time: text with repetitions near and far, and stretches of noise. */
function sample(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0, state = 1; at < length; ) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const run = 1 + ((state >>> 8) % 300);
    const back = 1 + ((state >>> 3) % 40_000);
    for (let i = 0; i < run && at < length; i++, at++) {
      const noise = (Math.imul(state + i, 2654435761) >>> 13) & 0xff;
      bytes[at] =
        state % 3 === 0 && at >= back ? (bytes[at - back] ?? 0) : state % 3 === 1 ? noise : 32 + (noise % 20);
    }
  }
  return bytes;
}

function sha256(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

/** Of the failure, or "none". */
function failure(bytes: Uint8Array, piece = bytes.length): string {
  try {
    inflateAll(bytes, { piece, plain: false });
    return "none";
  } catch (error) {
    return String(error);
  }
}

/** A stream with this header, and one stored block of "text". */
function withHeader(flags: number, fields: readonly number[] = []): Buffer {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32("text"));
  trailer.writeUInt32LE(4, 4);
  const block = [1, 4, 0, 0xfb, 0xff, ...Buffer.from("text")];
  return Buffer.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255, ...fields, ...block, ...trailer]);
}

/** Bits, lowest first, as a block of deflate data between a header and a trailer of nothing. */
function withBits(bits: string): Buffer {
  const bytes = Buffer.alloc(Math.ceil(bits.length / 8));
  for (const [at, bit] of [...bits].entries()) {
    if (bit === "1") bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (1 << (at & 7));
  }
  return Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, ...bytes, ...Buffer.alloc(16)]);
}

describe("a stream gives what zlib was given", () => {
  for (const plain of [false, true]) {
    test(plain ? "without the processor's help" : "with it", () => {
      for (const length of [0, 1, 63, 64, 65, 1000, 65_536, 300_000, 5_000_000]) {
        const text = sample(length);
        for (const level of [0, 1, 6, 9]) {
          for (const strategy of [Z_DEFAULT_STRATEGY, Z_FILTERED, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE]) {
            if (length > 300_000 && strategy !== Z_DEFAULT_STRATEGY) continue;
            const { output, digest } = inflateAll(gzipSync(text, { level, strategy }), {
              piece: 50_000,
              plain,
            });
            expect(output.equals(text)).toBe(true);
            expect(digest ?? sha256(text)).toBe(sha256(text));
          }
        }
      }
    });
  }

  test("byte by byte", () => {
    const text = sample(3000);
    expect(inflateAll(gzipSync(text), { piece: 1, plain: false }).output.equals(text)).toBe(true);
  });

  test("of several members, with matches of every distance and length", () => {
    const members = [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 258, 4096, 32_768].map((distance) => {
      const unit = sample(distance);
      return Buffer.concat(Array.from({ length: Math.ceil(70_000 / distance) }, () => unit));
    });
    const stream = Buffer.concat(members.map((member) => gzipSync(member, { level: 9 })));
    const { output, digest } = inflateAll(stream, { piece: 4000, plain: false });
    expect(output.equals(Buffer.concat(members))).toBe(true);
    expect(digest ?? sha256(output)).toBe(sha256(output));
  });

  test("with every field that a header may have", () => {
    const [extra, name, comment] = [
      [3, 0, 9, 9, 9],
      [...Buffer.from("name\0")],
      [...Buffer.from("comment\0")],
    ];
    const start = Buffer.from([0x1f, 0x8b, 8, 30, 0, 0, 0, 0, 0, 255, ...extra, ...name, ...comment]);
    const check = crc32(start) & 0xffff;
    const fields = [...extra, ...name, ...comment, check & 0xff, check >> 8];
    expect(failure(withHeader(0))).toBe("none");
    expect(failure(withHeader(1))).toBe("none");
    expect(failure(withHeader(30, fields))).toBe("none");
    expect(failure(withHeader(30, fields.with(-1, (check >> 8) ^ 1)))).toContain("header crc mismatch");
  });
});

test("the digest is right also when the stream has ended before anybody looks at it, and when asked for twice", async () => {
  const text = sample(1000);
  using input = new GunzipInput({ hash: true });
  input.put(gzipSync(text));
  input.finish();
  const output = new GunzipOutput(input.address);
  if (!output.hashes) return;
  while (output.take() !== "ended");
  for (let times = 0; times < 2; times++) expect(output.digest().toHex()).toBe(sha256(text));
});

test("a stream that is closed early leaves no thread, and takes nothing any more", () => {
  const threads = () => readdirSync("/proc/self/task").length;
  const before = threads();
  const stream = gzipSync(Buffer.alloc(50 << 20));
  for (let times = 0; times < 20; times++) {
    const input = new GunzipInput({ hash: false });
    input.put(stream);
    input[Symbol.dispose]();
    expect(() => input.put(stream)).toThrow("after it was closed");
  }
  expect(threads()).toBeLessThan(before + 10);
});

test("a stream in the memory of one that failed, or was closed early, begins anew", () => {
  const content = sample(300_000);
  for (const before of [Buffer.from("no gzip data"), gzipSync(sample(5_000_000)), Buffer.alloc(0)]) {
    let address = 0;
    {
      using input = new GunzipInput({ hash: true });
      input.put(before);
      ({ address } = input);
    }
    {
      using next = new GunzipInput({ hash: true });
      expect(next.address).toBe(address);
    }
    expect(inflateAll(gzipSync(content), { piece: 1000, plain: false }).output.equals(content)).toBe(true);
  }
});

test("who was held up by the lack of room is told once when there is some", () => {
  const bytes = gzipSync(randomBytes(4 << 20));
  using input = new GunzipInput({ hash: false });
  const output = new GunzipOutput(input.address);
  let [given, heldUp, told] = [0, 0, 0];
  for (let taken: ReturnType<GunzipOutput["take"]> = Buffer.alloc(0); taken !== "ended"; ) {
    const hasRoom = output.hasRoom();
    if (given === 0 || hasRoom) {
      if (hasRoom) told++;
      expect(output.hasRoom()).toBe(false);
      given += input.put(bytes.subarray(given));
      if (given < bytes.length) heldUp++;
      else input.finish();
    } else if (taken === "wants input" && given < bytes.length) throw new Error("held up for ever");
    taken = output.take();
  }
  expect(given).toBe(bytes.length);
  expect(heldUp).toBeGreaterThan(4);
  expect(told).toBe(heldUp);
});

describe("what is wrong with a stream is told by name:", () => {
  const good = gzipSync(sample(5000));
  const changed = (at: number, value: number) => {
    const bytes = Buffer.from(good);
    bytes[at < 0 ? bytes.length + at : at] = value;
    return bytes;
  };
  const fixed = "110";
  // RFC 1951, 3.2.6: the fixed code of 0 is 00110000; a length of 3 has 0000001, a distance of 1 00000, of 2 00001.
  const literal = "00110000";
  const cases: readonly (readonly [name: string, bytes: Buffer, words: string])[] = [
    ["another magic number", changed(1, 0), "incorrect header check"],
    ["another method", changed(2, 7), "unknown compression method"],
    ["reserved flags", changed(3, 0x20), "unknown header flags"],
    ["another checksum", changed(-8, (good.at(-8) ?? 0) ^ 1), "incorrect data check"],
    ["another length", changed(-4, (good.at(-4) ?? 0) ^ 1), "incorrect length check"],
    ["a type of block that is none", withBits("111"), "invalid block type"],
    ["a stored block of two lengths", withHeader(0).fill(0, 13, 14), "invalid stored block lengths"],
    ["too many codes", withBits(`101${"11111"}${"00000"}${"0000"}`), "invalid code lengths"],
    [
      "codes for nothing",
      withBits(`101${"00000"}${"00000"}${"0000"}${"000".repeat(4)}`),
      "invalid code lengths",
    ],
    ["a distance beyond the start", withBits(`${fixed}${literal}0000001${"00001"}`), "distance too far back"],
    [
      "a symbol that has no meaning",
      withBits(`${fixed}${"11000110"}`),
      "invalid literal, length or distance code",
    ],
    [
      "a distance that has no meaning",
      withBits(`${fixed}${literal}0000001${"11110"}`),
      "invalid literal, length or",
    ],
    ["garbage behind it", Buffer.concat([good, Buffer.from("x")]), "garbage after"],
  ];
  for (const [name, bytes, words] of cases) {
    test(name, () => {
      expect(failure(bytes)).toContain(words);
      expect(failure(bytes, 1)).toContain(words);
    });
  }

  test("an end that comes early, wherever", () => {
    for (let end = 0; end < good.length; end += end < 100 || end > good.length - 100 ? 1 : 37) {
      expect(failure(good.subarray(0, end), 1000)).toContain("unexpected end of file");
    }
  });
});
