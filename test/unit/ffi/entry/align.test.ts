/** The executable's segments, laid for large pages. */
import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { alignSegments } from "../../../../ffi/entry/align.ts";
import { PT_LOAD, programHeaders } from "../../../../ffi/entry/elf.ts";

const largePage = 2 * 2 ** 20;
const scratch = mkdtempSync(join(tmpdir(), "currunt-align-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Data, data to relocate, thread-local data, and what is only zeros: a segment's every part. */
const source = `
#include <stdio.h>
static int numbers[3000] = {1, 2, 3};
static const char *const words[] = {"one", "two"};
static __thread int local = 7;
static char zeros[100000];
int main(void) { return printf("%d %s %d %d", numbers[2], words[1], local, zeros[99999]) < 0; }`;

function build(...flags: string[]): string {
  const [text, out] = [join(scratch, "source.c"), join(scratch, "plain")];
  writeFileSync(text, source);
  const { exitCode, stderr } = Bun.spawnSync(["cc", "-o", out, text, ...flags], { stderr: "pipe" });
  expect(stderr.toString()).toBe("");
  expect(exitCode).toBe(0);
  return out;
}

test.each([
  ["at a fixed address", "-no-pie"],
  ["anywhere", "-pie"],
])("a program %s runs from a file that is laid for large pages", (_, flag) => {
  const path = build(flag);
  const aligned = alignSegments(readFileSync(path));
  const loaded = programHeaders(aligned).filter(({ type }) => type === PT_LOAD);
  expect(loaded.length).toBeGreaterThan(2);
  for (const { address, offset } of loaded) expect((address - offset) % largePage).toBe(0);
  writeFileSync(path, aligned);
  chmodSync(path, 0o755);
  expect(Bun.spawnSync([path]).stdout.toString()).toBe("3 two 7 0");
  // Who looks into it finds its sections: the names of functions are in one that is not loaded.
  const sections = Bun.spawnSync(["readelf", "--wide", "--symbols", path], { stderr: "pipe" });
  expect(sections.stderr.toString()).toBe("");
  expect(sections.stdout.toString()).toMatch(/FUNC +GLOBAL +DEFAULT +\d+ main$/m);
});

test("alignSegments() refuses what is no executable of ours", () => {
  for (const bytes of ["", "#!/bin/sh\n", "\x7fELF"])
    expect(() => alignSegments(Buffer.from(bytes))).toThrow("not a 64-bit little-endian ELF file");
});
