import { describe, expect, test } from "bun:test";
import { ago, humanDuration, humanSize, shortId, truncate } from "../../../src/cli/human.ts";
import { rowsOf } from "../../../src/cli/images.ts";
import { layOut } from "../../../src/cli/output.ts";
import { containerColumns } from "../../../src/cli/ps.ts";
import { parseSignal } from "../../../src/cli/signal.ts";
import { readTime } from "../../../src/cli/time.ts";
import type { ContainerSummary } from "../../../src/engine/summary.ts";

const now = Date.UTC(2026, 0, 31, 12);
const container: ContainerSummary = {
  id: "0123456789abcdef".repeat(4),
  name: "web",
  image: "nginx",
  command: ["nginx", "-g", "daemon off; and more"],
  createdAt: now - 180_000,
  status: "running",
  startedAt: now - 5000,
  pid: 42,
  labels: { a: "1", b: "2" },
};

function row(summary: ContainerSummary, whole = false): Record<string, string> {
  return Object.fromEntries(
    containerColumns({ now, whole }).map(({ field, text }) => [field, text(summary)]),
  );
}

describe("containerColumns()", () => {
  test("shows a running container in docker's words", () => {
    expect(row(container)).toMatchObject({
      ID: "0123456789ab",
      Image: "nginx",
      Command: '"nginx -g daemon off…"',
      CreatedAt: "3 minutes ago",
      Status: "Up 5 seconds",
      Names: "web",
      Labels: "a=1,b=2",
    });
  });

  test("shortens nothing when whole", () => {
    expect(row(container, true)).toMatchObject({
      ID: container.id,
      Command: '"nginx -g daemon off; and more"',
    });
  });

  test("shows created and ended containers", () => {
    const { startedAt: _, pid: __, ...rest } = container;
    expect(row({ ...rest, status: "created" })["Status"]).toBe("Created");
    expect(row({ ...rest, status: "exited", exitCode: 137, exitedAt: now - 60_000 })["Status"]).toBe(
      "Exited (137) About a minute ago",
    );
  });
});

test("rowsOf() splits references at the tag, not at the registry's port", () => {
  const image = {
    id: "sha256:0",
    manifestDigest: "sha256:1",
    platform: "linux/amd64",
    createdAt: 0,
    sizeBytes: 0,
    referenceDigests: [],
    labels: {},
    containers: 0,
  };
  const references = ["localhost:5000/a/b", "docker.io/library/busybox:1.36", "r:1/x:t@sha256:2"];
  expect(rowsOf({ ...image, references }).map(({ repository, tag }) => [repository, tag])).toEqual([
    ["localhost:5000/a/b", "<none>"],
    ["docker.io/library/busybox", "1.36"],
    ["r:1/x", "t"],
  ]);
  expect(rowsOf({ ...image, references: [] })).toMatchObject([{ repository: "<none>", tag: "<none>" }]);
});

test("layOut() pads by width on the screen and leaves no blanks at the end", () => {
  expect(
    layOut([
      ["A", "LONG", "C"],
      ["日本", "x", ""],
    ]),
  ).toBe("A     LONG  C\n日本  x");
});

test("humanDuration() and ago() speak as docker does", () => {
  const table: [number, string][] = [
    [0, "Less than a second"],
    [1000, "1 second"],
    [59_999, "59 seconds"],
    [60_000, "About a minute"],
    [120_000, "2 minutes"],
    [3_600_000, "About an hour"],
    [86_400_000, "24 hours"],
    [3 * 86_400_000, "3 days"],
    [21 * 86_400_000, "3 weeks"],
    [90 * 86_400_000, "3 months"],
    [800 * 86_400_000, "2 years"],
  ];
  for (const [milliseconds, words] of table) expect(humanDuration(milliseconds)).toBe(words);
  expect(ago(now + 1, now)).toBe("Less than a second ago");
});

test("humanSize() has three digits", () => {
  const table: [number, string][] = [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.00 kB"],
    [12_345, "12.3 kB"],
    [999_600, "1.00 MB"],
    [123_456_789, "123 MB"],
  ];
  for (const [bytes, text] of table) expect(humanSize(bytes)).toBe(text);
});

test("truncate() and shortId() shorten", () => {
  expect(truncate("abcdef", 4)).toBe("abc…");
  expect(truncate("abcd", 4)).toBe("abcd");
  expect(shortId(`sha256:${"a".repeat(64)}`)).toBe("a".repeat(12));
});

describe("parseSignal()", () => {
  test.each([
    ["TERM", 15],
    ["sigterm", 15],
    ["9", 9],
    ["KILL", 9],
    ["SIGUSR1", 10],
    ["RTMIN", 34],
    ["SIGRTMIN+3", 37],
    ["rtmax-1", 63],
    ["64", 64],
  ])("reads %s", (text, number) => {
    expect(parseSignal(text, "-signal")).toBe(number);
  });

  test.each(["", "0", "65", "FOO", "SIG", "-9", "RTMIN+40", "RTMIN-1", "1.5"])("refuses %j", (text) => {
    expect(() => parseSignal(text, "-signal")).toThrow("is not a signal");
  });
});

describe("readTime()", () => {
  test.each([
    ["2026-01-31T12:00:00Z", now],
    ["2026-01-31T13:00:00+01:00", now],
    ["2026-01-31T12:00:00.123456789Z", now + 123],
    [String(now / 1000), now],
    ["10m", now - 600_000],
    ["1h30m", now - 5_400_000],
  ])("reads %s", (text, time) => {
    expect(readTime(text, "-since", now)).toBe(time);
  });

  test.each(["", "yesterday", "2026-13-01", "10x", "-10m"])("refuses %j", (text) => {
    expect(() => readTime(text, "-since", now)).toThrow(/is not a (time|duration)/);
  });
});
