/** Locks end with their holder and can be asked for without being taken. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isLocked, tryLock, waitForUnlock } from "../../../src/sys/lock.ts";

const directory = mkdtempSync(join(tmpdir(), "currunt-lock-"));
afterAll(() => rmSync(directory, { recursive: true }));

test("tryLock() gives the lock to one at a time", () => {
  const path = join(directory, "one");
  const first = tryLock(path);
  expect(first).toBeDefined();
  expect(tryLock(path)).toBeUndefined();
  first?.close();
  using second = tryLock(path);
  expect(second).toBeDefined();
});

test("isLocked() tells without disturbing", () => {
  const path = join(directory, "asked");
  expect(isLocked(path)).toBe(false);
  const lock = tryLock(path);
  expect(isLocked(path)).toBe(true);
  lock?.close();
  expect(isLocked(path)).toBe(false);
});

test("waitForUnlock() returns when a killed holder lets go", async () => {
  const path = join(directory, "killed");
  const lock = tryLock(path);
  // The child inherits the open file, and with it the lock.
  const child = Bun.spawn(["sleep", "0.2"], { stdio: ["ignore", lock?.number ?? 0, "ignore"] });
  lock?.close();
  expect(isLocked(path)).toBe(true);
  const started = performance.now();
  waitForUnlock(path);
  expect(performance.now() - started).toBeGreaterThan(100);
  expect(isLocked(path)).toBe(false);
  await child.exited;
});

test("waitForUnlock() of a missing file returns at once", () => {
  waitForUnlock(join(directory, "missing"));
});
