/** Compiled seccomp profiles are kept, and what is kept is what was compiled. */
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cachedFilter } from "../../../src/runtime/filter-cache.ts";
import type { SeccompFilter } from "../../../src/runtime/process.ts";
import { loadableFilter } from "../../../src/runtime/seccomp-ready.ts";
import type { LinuxSeccomp } from "../../../src/runtime/spec-seccomp.ts";

const scratch = mkdtempSync(join(tmpdir(), "currunt-filters-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let directory = "";
let serial = 0;
beforeEach(() => {
  directory = join(scratch, String(serial++));
});

const profileOf = (name: string): LinuxSeccomp => ({
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls: [
    { names: [name], action: "SCMP_ACT_ERRNO", args: [{ index: 0, value: 2n ** 63n, op: "SCMP_CMP_EQ" }] },
  ],
});

function compiler(byte: number): { compile: () => Promise<SeccompFilter>; calls: () => number } {
  let calls = 0;
  const compile = async () => {
    calls++;
    return { filter: new Uint8Array(16).fill(byte), flags: 4 };
  };
  return { compile, calls: () => calls };
}

const content = ({ filter, flags }: SeccompFilter) => [[...filter], flags];

describe("cachedFilter()", () => {
  test("compiles once what is wanted twice", async () => {
    const { compile, calls } = compiler(7);
    const first = await cachedFilter(directory, profileOf("open"), compile);
    const second = await cachedFilter(directory, profileOf("open"), compile);
    expect([content(first), content(second)]).toEqual([
      [Array(16).fill(7), 4],
      [Array(16).fill(7), 4],
    ]);
    expect(calls()).toBe(1);
  });

  test("tells profiles apart, also by their largest numbers", async () => {
    const { compile, calls } = compiler(1);
    const other: LinuxSeccomp = {
      ...profileOf("open"),
      syscalls: [
        {
          names: ["open"],
          action: "SCMP_ACT_ERRNO",
          args: [{ index: 0, value: 2n ** 63n + 1n, op: "SCMP_CMP_EQ" }],
        },
      ],
    };
    for (const profile of [profileOf("open"), profileOf("close"), other])
      await cachedFilter(directory, profile, compile);
    expect(calls()).toBe(3);
  });

  test("compiles again where a file is damaged", async () => {
    const { compile, calls } = compiler(1);
    for (const length of [0, 3, 4, 7, 19]) {
      await cachedFilter(directory, profileOf("open"), compile);
      const [name = ""] = readdirSync(directory);
      truncateSync(join(directory, name), length);
      expect(content(await cachedFilter(directory, profileOf("open"), compile))).toEqual([
        Array(16).fill(1),
        4,
      ]);
    }
    expect(calls()).toBe(6);
  });

  test("goes without a directory that cannot be written", async () => {
    writeFileSync(directory, "a file");
    const { compile, calls } = compiler(1);
    await cachedFilter(directory, profileOf("open"), compile);
    await cachedFilter(directory, profileOf("open"), compile);
    expect(calls()).toBe(2);
  });

  test("keeps a limited number", async () => {
    mkdirSync(directory);
    const { compile } = compiler(1);
    for (let count = 0; count < 200; count++)
      await cachedFilter(directory, profileOf(`call${count}`), compile);
    expect(readdirSync(directory).length).toBeLessThanOrEqual(64);
  });
});

test("loadableFilter() gives the same with and without a cache", async () => {
  const plain = await loadableFilter(profileOf("open"));
  for (let round = 0; round < 2; round++) {
    const cached = await loadableFilter(profileOf("open"), directory);
    expect(cached?.flags).toBe(plain?.flags ?? -1);
    expect(Buffer.from(cached?.filter ?? []).equals(Buffer.from(plain?.filter ?? []))).toBe(true);
  }
});
