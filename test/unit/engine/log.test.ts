/** What the log writer writes, the log file reads back: lines, parts, tails, growth. */
import { afterAll, describe, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogFile } from "../../../src/engine/log-file.ts";
import { parseLogLine } from "../../../src/engine/log-line.ts";
import { LogWriter } from "../../../src/engine/log-writer.ts";

const directory = mkdtempSync(join(tmpdir(), "currunt-log-"));
afterAll(() => rmSync(directory, { recursive: true }));
const now = new Date("2026-01-31T12:34:56.789Z");

function texts(log: LogFile): string[] {
  return [...log.read()].map(({ text, full }) => `${Buffer.from(text)}${full ? "$" : ""}`);
}

describe("LogWriter", () => {
  test("writes the CRI format, parts without a newline at once", () => {
    const path = join(directory, "format");
    using log = new LogWriter(path);
    log.append("stdout", Buffer.from("one\ntwo\npro"), now);
    log.append("stderr", Buffer.from("bad\n"), now);
    log.append("stdout", Buffer.from("mpt\n"), now);
    expect(readFileSync(path, "utf8")).toBe(
      [
        "2026-01-31T12:34:56.789000000Z stdout F one",
        "2026-01-31T12:34:56.789000000Z stdout F two",
        "2026-01-31T12:34:56.789000000Z stdout P pro",
        "2026-01-31T12:34:56.789000000Z stderr F bad",
        "2026-01-31T12:34:56.789000000Z stdout F mpt",
        "",
      ].join("\n"),
    );
  });

  test("keeps every byte of long lines and of many short ones", () => {
    const path = join(directory, "bytes");
    using log = new LogWriter(path);
    const long = Buffer.alloc(200_000, "x");
    log.append("stdout", long, now);
    log.append("stdout", Buffer.from("\n".repeat(60_000)), now);
    using file = new LogFile(path);
    const entries = [...file.read()];
    expect(entries).toHaveLength(60_001);
    expect(Buffer.from(entries[0]?.text ?? []).length).toBe(200_000);
  });
});

describe("LogFile", () => {
  const path = join(directory, "tail");
  using log = new LogWriter(path);
  for (let line = 1; line <= 5000; line++) log.append("stdout", Buffer.from(`line ${line}\n`), now);
  log.append("stdout", Buffer.from("part "), now);
  log.append("stdout", Buffer.from("done\n"), now);
  log.append("stdout", Buffer.from("open"), now);

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

test("parseLogLine() refuses what is no line", () => {
  for (const line of ["", "x", "a b c", "2026-01-31T12:34:56Z stdlog F x", "never stdout F x"]) {
    expect(parseLogLine(Buffer.from(line))).toBeUndefined();
  }
});
