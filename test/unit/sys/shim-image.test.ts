/** The shim's image: whatever a container does with /proc/PID/exe, the bytes stay (CVE-2019-5736). */
import { describe, expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { F_GET_SEALS } from "../../../ffi/kernel.ts";
import { libc } from "../../../ffi/libc.ts";
import { makeReadonlyFile, makeSealedMemory } from "../../../src/sys/shim-image.ts";

const shim = join(import.meta.dir, "../../../dist/shim");

test("the shim stays small", () => {
  expect(statSync(shim).size).toBeLessThan(32 * 1024);
});

describe("makeSealedMemory()", () => {
  test("holds the program, sealed against writing, growing and shrinking", () => {
    using image = makeSealedMemory(readFileSync(shim));
    const path = `/proc/self/fd/${image.number}`;
    expect(libc.fcntl(image.number, F_GET_SEALS, 0) & 0xf).toBe(0xf);
    expect(() => writeFileSync(path, "x")).toThrow("EPERM");
    expect(readFileSync(path).equals(readFileSync(shim))).toBe(true);
  });
});

describe.skipIf(process.getuid?.() !== 0)("makeReadonlyFile()", () => {
  test("holds the program on a filesystem that cannot be written", () => {
    using image = makeReadonlyFile(readFileSync(shim));
    const path = `/proc/self/fd/${image.number}`;
    expect(() => writeFileSync(path, "x")).toThrow("EROFS");
    expect(readFileSync(path).equals(readFileSync(shim))).toBe(true);
    // Without a plan it says so and ends; what matters is that it runs.
    expect(Bun.spawnSync([path], { stdio: ["ignore", "ignore", "ignore"] }).exitCode).toBe(1);
  });
});
