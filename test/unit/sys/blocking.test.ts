/** Blocking calls in a thread of their own: how they end, and that their failures are told. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { O_PATH } from "../../../ffi/kernel.ts";
import { libc } from "../../../ffi/libc.ts";
import { BackgroundSync } from "../../../src/sys/background-sync.ts";
import { whenUnlocked } from "../../../src/sys/blocking.ts";
import { check } from "../../../src/sys/error.ts";
import { openat } from "../../../src/sys/file.ts";
import { tryLock } from "../../../src/sys/lock.ts";

const directory = mkdtempSync(join(tmpdir(), "currunt-blocking-"));
afterAll(() => rmSync(directory, { recursive: true }));

test("whenUnlocked() resolves when the holder lets go, and at once when there is no file", async () => {
  const path = join(directory, "held");
  await whenUnlocked(path);
  const lock = tryLock(path);
  const waiting = whenUnlocked(path).then(() => lock?.closed);
  await Bun.sleep(50);
  lock?.close();
  expect(await waiting).toBe(true);
});

test("whenUnlocked() tells which call failed", async () => {
  await expect(whenUnlocked(directory)).rejects.toThrow(/^openat ".*": EISDIR/);
});

test("BackgroundSync tells of a piece that could not be written, also when the next one can", async () => {
  using sync = new BackgroundSync(directory, 1);
  const number = numberOfOpen(directory);
  using kept = openat(undefined, directory, 0);
  using broken = openat(undefined, directory, O_PATH);
  check(libc.dup3(broken.number, number, 0), "dup3");
  sync.wrote(1);
  await expect(sync.finish()).rejects.toThrow(/^syncfs: EBADF/);
  check(libc.dup3(kept.number, number, 0), "dup3");
  await expect(sync.finish()).rejects.toThrow(/^syncfs: EBADF/);
});

function numberOfOpen(path: string): number {
  const found = readdirSync("/proc/self/fd").find((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`) === path;
    } catch {
      // The descriptor that the listing itself was read by.
      return false;
    }
  });
  return Number(found);
}
