import { expect, test } from "bun:test";
import { pruneFilterNames, readImageFilters } from "../../../src/cli/image-filter.ts";

const now = Date.parse("2026-01-01T00:00:00Z");

test("readImageFilters() reads every filter", () => {
  expect(
    readImageFilters(
      [
        "reference=quay.io/*",
        "dangling=1",
        "label=a",
        "label=a=b=c",
        "label!=x",
        "before=busybox",
        "until=24h",
      ],
      now,
    ),
  ).toEqual([
    { kind: "reference", pattern: "quay.io/*" },
    { kind: "dangling", value: true },
    { kind: "label", name: "a", value: undefined, present: true },
    { kind: "label", name: "a", value: "b=c", present: true },
    { kind: "label", name: "x", value: undefined, present: false },
    { kind: "before", than: "busybox" },
    { kind: "before", than: now - 86_400_000 },
  ]);
});

test.each(["nothing", "colour=red", "dangling=perhaps", "since!=x", "=x", "until=tomorrow", "reference"])(
  "readImageFilters() refuses %s",
  (text) => {
    expect(() => readImageFilters([text], now)).toThrow(/flag -filter/);
  },
);

test("readImageFilters() refuses what a command does not have, and says what it has", () => {
  expect(() => readImageFilters(["reference=x"], now, pruneFilterNames)).toThrow(
    expect.objectContaining({ hint: "write NAME=VALUE; names are label, until" }),
  );
});
