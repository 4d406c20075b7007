/** The executable's first instructions, in front of a small C program that tells what it was given. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildEntry } from "../../../../ffi/compile.ts";
import { installEntry } from "../../../../ffi/entry/install.ts";

const scratch = mkdtempSync(join(tmpdir(), "currunt-entry-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const teller = `
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
extern char **environ;
static void at_exit(void) { puts("at exit"); }
int main(int argc, char **argv, char **envp) {
  atexit(at_exit);
  for (int i = 1; i < argc; i++) printf("argument %s\\n", argv[i]);
  for (char **variable = environ; *variable; variable++) printf("variable %s\\n", *variable);
  printf("%d %d\\n", envp[0] == environ[0], getauxval(AT_PAGESZ) > 0);
  return getenv("BUN_OPTIONS") != NULL;
}`;

/** What children of ours inherit. */
const limit = Bun.spawnSync(["sh", "-c", "echo $(ulimit -Sn):$(ulimit -Hn)"]).stdout.toString().trim();

const ours = [
  "BUN_JSC_startupJITDeferralScale=100",
  "BUN_JSC_useWarmUpMarkedBlocks=0",
  "BUN_GC_TIMER_DISABLE=1",
  "BUN_JSC_forceRAMSize=134217728",
  "MIMALLOC_ALLOW_THP=1",
  "MIMALLOC_PURGE_DELAY=-1",
  `CURRUNT_NOFILE=${limit}`,
].map((setting) => `variable ${setting}`);

function run(program: string, args: string[], env: Record<string, string>): string[] {
  const { stdout, exitCode } = Bun.spawnSync([program, ...args], { env });
  expect(exitCode).toBe(0);
  return stdout.toString().trimEnd().split("\n");
}

let program: Buffer;
beforeAll(() => {
  const [source, out] = [join(scratch, "teller.c"), join(scratch, "plain")];
  writeFileSync(source, teller);
  const { exitCode, stderr } = Bun.spawnSync(["cc", "-o", out, source, "-fPIC"], { stderr: "pipe" });
  expect(stderr.toString()).toBe("");
  expect(exitCode).toBe(0);
  program = readFileSync(out);
});

function install(): string {
  const path = join(scratch, "with-entry");
  writeFileSync(path, installEntry(program, buildEntry()));
  chmodSync(path, 0o755);
  return path;
}

test("the program gets its arguments, its environment without what Bun obeys, our settings, the auxiliary vector", () => {
  const env = {
    BUN_OPTIONS: "--preload x",
    A: "1",
    NODE_OPTIONS: "x",
    BUNDLE: "b",
    MIMALLOC_X: "",
    JSC_: "",
    CURRUNT_NOFILE: "1:1",
    CURRUNT_BEGUN: "1",
  };
  expect(run(install(), ["one", "", "three"], env)).toEqual([
    "argument one",
    "argument ",
    "argument three",
    "variable A=1",
    "variable BUNDLE=b",
    ...ours,
    "1 1",
    "at exit",
  ]);
});

test("any number of arguments and variables keeps the stack in order", () => {
  const installed = install();
  for (let count = 0; count < 9; count++) {
    const words = Array.from({ length: count }, (_, index) => `w${index}`);
    const lines = run(installed, words, Object.fromEntries(words.map((word) => [word, ""])));
    expect(lines).toEqual([
      ...words.map((word) => `argument ${word}`),
      ...words.map((word) => `variable ${word}=`),
      ...ours,
      "1 1",
      "at exit",
    ]);
  }
});

test("installEntry() refuses what it cannot change", () => {
  const code = buildEntry();
  expect(() => installEntry(Buffer.from("#!/bin/sh\n"), code)).toThrow("not a 64-bit little-endian ELF file");
  const withoutNotes = Buffer.from(program);
  const start = Number(program.readBigUInt64LE(32));
  for (let index = 0; index < program.readUInt16LE(56); index++) {
    const at = start + index * 56;
    if (withoutNotes.readUInt32LE(at) === 4) withoutNotes.writeUInt32LE(0, at);
  }
  expect(() => installEntry(withoutNotes, code)).toThrow("no program header to spare");
});

test("the code is the same wherever it is linked", () => {
  // Addresses in it would be of the place that it was linked for, and nobody puts them right.
  expect(buildEntry(undefined, 0x700_0000).equals(buildEntry())).toBe(true);
});
