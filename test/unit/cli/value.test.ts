import { describe, expect, test } from "bun:test";
import { readDuration, readSize } from "../../../src/cli/value.ts";

describe("readSize()", () => {
  test.each([
    ["0", 0],
    ["512", 512],
    ["1b", 1],
    ["64k", 65_536],
    ["64K", 65_536],
    ["64kb", 65_536],
    ["64KiB", 65_536],
    ["1m", 1_048_576],
    ["1.5g", 1_610_612_736],
    ["2 GiB", 2_147_483_648],
    ["1t", 1024 ** 4],
    ["-1", -1],
  ])("reads %s", (text, bytes) => {
    expect(readSize(text, "-x")).toBe(bytes);
  });

  test.each(["", "m", "1x", "1mm", "1ib", "-2", "1e3", "0x10", "1,5g"])("refuses %j", (text) => {
    expect(() => readSize(text, "-x")).toThrow("is not a size");
  });
});

describe("readDuration()", () => {
  test.each([
    ["10", 10_000],
    ["0", 0],
    ["1.5", 1500],
    ["-1", -1000],
    ["250ms", 250],
    ["1m30s", 90_000],
    ["2h", 7_200_000],
  ])("reads %s", (text, milliseconds) => {
    expect(readDuration(text, "-x")).toBe(milliseconds);
  });

  test.each(["", "s", "1d", "1m 30s", "1m30", "1s!", "x1s"])("refuses %j", (text) => {
    expect(() => readDuration(text, "-x")).toThrow("is not a duration");
  });
});
