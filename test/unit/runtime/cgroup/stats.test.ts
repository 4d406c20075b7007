import { expect, test } from "bun:test";
import { statsJson } from "../../../../src/runtime/cgroup/stats.ts";
import {
  memoryEntry,
  nonZero,
  parseCount,
  parseList,
  parsePressure,
} from "../../../../src/runtime/cgroup/stats-file.ts";
import { parseBlkioLine } from "../../../../src/runtime/cgroup/stats-v1.ts";
import { parseIoLine } from "../../../../src/runtime/cgroup/stats-v2.ts";
import { oldLines } from "../../../../src/runtime/cgroup/update.ts";

test("parseCount() keeps 64 bits, and takes max for all of them", () => {
  expect(parseCount("42\n")).toBe(42);
  expect(parseCount("max")).toBe(18446744073709551615n);
  expect(parseCount("9223372036854771713")).toBe(9223372036854771713n);
  expect(parseCount("")).toBe(0);
});

test("statsJson() writes 64 bits in full", () => {
  expect(statsJson({ limit: 18446744073709551615n, usage: 5, list: [1n] })).toBe(
    '{"limit":18446744073709551615,"usage":5,"list":[1]}',
  );
});

test("parseList() expands ranges", () => {
  expect(parseList("0-3,7\n")).toEqual([0, 1, 2, 3, 7]);
  expect(parseList("\n")).toEqual([]);
});

test("parsePressure() reads both lines", () => {
  const text =
    "some avg10=1.50 avg60=0.25 avg300=0.00 total=123\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0";
  expect(parsePressure(text)).toEqual({
    some: { avg10: 1.5, avg60: 0.25, avg300: 0, total: 123 },
    full: { avg10: 0, avg60: 0, avg300: 0, total: 0 },
  });
});

test("memoryEntry() leaves zeroes out but for limit and failures", () => {
  expect(memoryEntry({ limit: 5, usage: 0, max: 7 })).toEqual({ limit: 5, max: 7, failcnt: 0 });
  expect(nonZero({ a: 0, b: undefined, c: 3n })).toEqual({ c: 3n });
});

test("parseBlkioLine() reads a device's line, and not the total", () => {
  expect(parseBlkioLine("8:16 Read 1024")).toEqual([{ major: 8, minor: 16, op: "Read", value: 1024 }]);
  expect(parseBlkioLine("8:0 7")).toEqual([{ major: 8, value: 7 }]);
  expect(parseBlkioLine("Total 1024")).toEqual([]);
});

test("parseIoLine() has version 1's words", () => {
  expect(parseIoLine("8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0")).toEqual([
    ["ioServiceBytesRecursive", { major: 8, minor: 16, op: "Read", value: 1 }],
    ["ioServiceBytesRecursive", { major: 8, minor: 16, op: "Write", value: 2 }],
    ["ioServicedRecursive", { major: 8, minor: 16, op: "Read", value: 3 }],
    ["ioServicedRecursive", { major: 8, minor: 16, op: "Write", value: 4 }],
    ["ioServiceBytesRecursive", { major: 8, minor: 16, op: "Discard" }],
    ["ioServicedRecursive", { major: 8, minor: 16, op: "Discard" }],
  ]);
});

test("oldLines() says what makes a file what it was", () => {
  expect(oldLines({ file: "memory.max", data: "5" }, "max")).toEqual(["max"]);
  expect(oldLines({ file: "memory.oom_control", data: "1" }, "oom_kill_disable 0\nunder_oom 0")).toEqual([
    "0",
  ]);
  expect(oldLines({ file: "io.max", data: "8:0 rbps=5" }, "")).toEqual(["8:0 rbps=max"]);
  expect(oldLines({ file: "io.max", data: "8:0 rbps=5" }, "8:0 rbps=1 wbps=max riops=max wiops=max")).toEqual(
    ["8:0 rbps=1 wbps=max riops=max wiops=max"],
  );
  expect(oldLines({ file: "blkio.throttle.read_bps_device", data: "8:0 5" }, "")).toEqual(["8:0 0"]);
});
