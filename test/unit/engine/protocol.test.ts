/** Frames survive any cut, and detach keys are found however they come. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  decodeExit,
  encodeFrame,
  encodeResize,
  FrameDecoder,
  frameTypes,
} from "../../../src/engine/attach-protocol.ts";
import { DetachScanner, defaultDetachKeys } from "../../../src/engine/detach.ts";

const frames = [
  encodeFrame("stdin", Buffer.from("hello")),
  encodeFrame("stdin"),
  encodeResize({ rows: 40, columns: 120 }),
  encodeFrame("stdout", Buffer.alloc(70_000, "x")),
  encodeFrame("exit", new Uint8Array(Uint32Array.of(137).buffer)),
];

function decode(pieces: Iterable<Uint8Array>): string[] {
  const decoder = new FrameDecoder();
  const seen: string[] = [];
  for (const piece of pieces) {
    decoder.push(piece, (type, payload) => {
      const detail =
        type === "resize" ? [...payload].join(",") : type === "exit" ? decodeExit(payload) : payload.length;
      seen.push(`${type} ${detail}`);
    });
  }
  return seen;
}

describe("FrameDecoder", () => {
  const expected = ["stdin 5", "stdin 0", "resize 40,0,120,0", "stdout 70000", "exit 137"];
  const all = Buffer.concat(frames);
  for (const size of [1, 3, 5, 4096, all.length]) {
    test(`cuts pieces of ${size} bytes into the same frames`, () => {
      const pieces = Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
        all.subarray(index * size, (index + 1) * size),
      );
      expect(decode(pieces)).toEqual(expected);
    });
  }

  test("refuses unknown types, huge frames and malformed payloads", () => {
    expect(() => decode([Buffer.from([99, 0, 0, 0, 0])])).toThrow("frame type 99");
    expect(() => decode([Buffer.from([2, 255, 255, 255, 255])])).toThrow("4294967295 bytes");
    expect(() => decode([encodeFrame("exit", Buffer.from("xx"))])).toThrow("an exit of 2 bytes");
  });
});

test("frame types are those of charge.h", () => {
  const header = readFileSync(join(import.meta.dir, "../../../ffi/shim/charge.h"), "utf8");
  const found = [...header.matchAll(/FRAME_([A-Z]+) = (\d+)/g)].map(
    ([, name = "", number = ""]) => [name.toLowerCase(), Number(number)] as const,
  );
  expect(Object.fromEntries(found)).toEqual(frameTypes);
});

describe("DetachScanner", () => {
  function scan(keys: Uint8Array, ...pieces: string[]): string {
    const scanner = new DetachScanner(keys);
    return pieces
      .map((piece) => {
        const { forward, detached } = scanner.push(Buffer.from(piece));
        return `${Buffer.from(forward)}${detached ? "!" : ""}`;
      })
      .join("|");
  }
  test("passes on what is not the keys", () => expect(scan(defaultDetachKeys, "ls\r")).toBe("ls\r"));
  test("finds the keys and drops what follows", () =>
    expect(scan(defaultDetachKeys, "ls\x10\x11rest")).toBe("ls!"));
  test("finds the keys across pieces", () => expect(scan(defaultDetachKeys, "a\x10", "\x11")).toBe("a|!"));
  test("lets go of a beginning that leads to nothing", () =>
    expect(scan(defaultDetachKeys, "\x10", "x")).toBe("|\x10x"));
  test("the first key twice still counts", () =>
    expect(scan(defaultDetachKeys, "\x10\x10\x11")).toBe("\x10!"));
  test("finds keys that overlap themselves", () => expect(scan(Buffer.from("aab"), "aaab")).toBe("a!"));
  test("no keys: nothing is held back", () => expect(scan(new Uint8Array(), "\x10\x11")).toBe("\x10\x11"));
});
