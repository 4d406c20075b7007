/** Which process a container's init is: never another one that got its pid. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { containerPaths } from "../../../src/base/paths.ts";
import { prepareRunState, readRunState } from "../../../src/engine/run-state.ts";
import { endInit, signalInit } from "../../../src/engine/signal.ts";

const scratch = mkdtempSync(join(tmpdir(), "currunt-run-state-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const id = "c1";
const paths = containerPaths({ data: join(scratch, "data"), run: join(scratch, "run") }, id);
mkdirSync(paths.run, { recursive: true });

test("a container that never ran has no init", () => {
  expect(readRunState(paths)).toBeUndefined();
  expect(signalInit(paths, 15)).toBe(false);
});

test("a pid with another start time is another process, and gets no signal", () => {
  prepareRunState(paths, id, process.pid)();
  expect(readRunState(paths)?.pid).toBe(process.pid);
  const record = JSON.parse(readFileSync(paths.state, "utf8"));
  writeFileSync(paths.state, JSON.stringify({ ...record, startTime: record.startTime + 1 }));
  expect(readRunState(paths)).toBeUndefined();
  expect(signalInit(paths, 9)).toBe(false);
  expect(endInit(paths)).toBe(true);
});

test("a running init gets signals until it has ended", async () => {
  const child = Bun.spawn(["sleep", "1000"]);
  prepareRunState(paths, id, child.pid)();
  expect(signalInit(paths, 0)).toBe(true);
  expect(endInit(paths)).toBe(true);
  await child.exited;
  expect(child.signalCode).toBe("SIGKILL");
  expect(readRunState(paths)).toBeUndefined();
  expect(signalInit(paths, 9)).toBe(false);
});
