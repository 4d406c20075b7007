/** Logs as the monitor writes them, read: lines, parts, tails, growth. */
import { afterAll, describe, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogFile } from "../../../src/engine/log-file.ts";
import { parseLogLine } from "../../../src/engine/log-line.ts";

const directory = mkdtempSync(join(tmpdir(), "currunt-log-"));
afterAll(() => rmSync(directory, { recursive: true }));
const prefix = "2026-01-31T12:34:56.789123456Z stdout";

function texts(log: LogFile): string[] {
  return [...log.read()].map(({ text, full }) => `${Buffer.from(text)}${full ? "$" : ""}`);
}

describe("LogFile", () => {
  const path = join(directory, "tail");
  const lines = Array.from({ length: 5000 }, (_, index) => `F line ${index + 1}`);
  const entries = [...lines, "P part ", "F done", "P open"];
  appendFileSync(path, entries.map((entry) => `${prefix} ${entry}\n`).join(""));

  const cases: [number, string[]][] = [
    [0, []],
    [1, ["open"]],
    [2, ["part ", "done$", "open"]],
    [3, ["line 5000$", "part ", "done$", "open"]],
  ];
  for (const [lines, expected] of cases) {
    test(`seekToTail(${lines}) counts a line in parts once`, () => {
      using file = new LogFile(path);
      file.seekToTail(lines);
      expect(texts(file)).toEqual(expected);
    });
  }

  test("seekToTail() beyond the beginning reads all", () => {
    using file = new LogFile(path);
    file.seekToTail(1_000_000);
    expect(texts(file)).toHaveLength(5003);
    file.seekToTail(4000);
    expect(texts(file)[0]).toBe("line 1003$");
  });

  test("read() goes on where it stopped, and leaves a line that is not finished", () => {
    const growing = join(directory, "growing");
    appendFileSync(growing, "2026-01-31T12:34:56.789000000Z stdout F a\n2026-01-31T12:34:56.789");
    using file = new LogFile(growing);
    expect(texts(file)).toEqual(["a$"]);
    expect(texts(file)).toEqual([]);
    appendFileSync(growing, "000000Z stdout F b\ngarbage\n2026-01-31T12:34:56.789000000Z stderr F c\n");
    expect(texts(file)).toEqual(["b$", "c$"]);
  });
});

test("parseLogLine() reads the time with its nanoseconds, and text that is no text", () => {
  const entry = parseLogLine(Buffer.from([...Buffer.from(`${prefix} P `), 0, 255, 32]));
  expect(entry).toMatchObject({
    time: Date.UTC(2026, 0, 31, 12, 34, 56, 789),
    stream: "stdout",
    full: false,
  });
  expect(entry?.timestamp).toBe("2026-01-31T12:34:56.789123456Z");
  expect([...(entry?.text ?? [])]).toEqual([0, 255, 32]);
});

test("parseLogLine() refuses what is no line", () => {
  for (const line of ["", "x", "a b c", "2026-01-31T12:34:56Z stdlog F x", "never stdout F x"]) {
    expect(parseLogLine(Buffer.from(line))).toBeUndefined();
  }
});
