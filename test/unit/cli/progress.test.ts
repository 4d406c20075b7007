import { describe, expect, test } from "bun:test";
import { barDisplay, plainListener } from "../../../src/cli/progress.ts";
import { layerLine, totalLine } from "../../../src/cli/pull-frame.ts";
import { Pace, timeLeft } from "../../../src/cli/pull-pace.ts";
import type { PullProgress } from "../../../src/engine/options.ts";

const first = `sha256:${"a".repeat(64)}`;
const second = `sha256:${"b".repeat(64)}`;
const events: PullProgress[] = [
  {
    type: "resolved",
    reference: "docker.io/library/x:1",
    digest: first,
    layers: [
      { digest: first, sizeBytes: 1000 },
      { digest: second, sizeBytes: 10 },
    ],
    totalBytes: 1010,
  },
  { type: "layer-exists", digest: second },
  { type: "layer-start", digest: first, totalBytes: 1000 },
  { type: "layer-progress", digest: first, doneBytes: 99 },
  { type: "layer-progress", digest: first, doneBytes: 100 },
  { type: "layer-progress", digest: first, doneBytes: 120 },
  { type: "layer-unpack", digest: first, unpackedBytes: 4000 },
  { type: "layer-progress", digest: first, doneBytes: 1000 },
  { type: "layer-done", digest: first, diffID: second },
  {
    type: "done",
    reference: "docker.io/library/x:1",
    digest: first,
    imageID: second,
    transferredBytes: 1000,
    durationMs: 1500,
  },
];

test("plainListener() says a line a change and a line a tenth", () => {
  const lines: string[] = [];
  const listener = plainListener((line) => lines.push(line));
  for (const event of events) listener(event);
  expect(lines).toEqual([
    `docker.io/library/x:1: 2 layers, 1.01 kB, ${first}`,
    "layer bbbbbbbbbbbb: already here",
    "layer aaaaaaaaaaaa: 10 % of 1.00 kB",
    "layer aaaaaaaaaaaa: 100 % of 1.00 kB",
    "layer aaaaaaaaaaaa: done",
    "docker.io/library/x:1: 1.00 kB in 1.5 s",
  ]);
});

test("plainListener() says once that an image is up to date", () => {
  const lines: string[] = [];
  const listener = plainListener((line) => lines.push(line));
  listener({ type: "up-to-date", reference: "x", digest: "sha256:1" });
  const last = {
    reference: "x",
    digest: "sha256:1",
    imageID: "sha256:2",
    transferredBytes: 0,
    durationMs: 1,
  };
  listener({ type: "done", ...last });
  expect(lines).toEqual(["x: up to date, sha256:1"]);
});

describe("layerLine()", () => {
  const layer = { phase: "downloading", doneBytes: 500, totalBytes: 1000, unpackedBytes: 0 } as const;

  test("draws a bar", () => {
    expect(layerLine(first, layer, 80)).toBe(
      "aaaaaaaaaaaa [==============>               ] 500 B / 1.00 kB     downloading",
    );
  });

  test("tells the speed and the time left where there is room", () => {
    const fast = { ...layer, doneBytes: 12_300_000, totalBytes: 88_100_000 };
    expect(layerLine(first, fast, 80, 4_100_000)).toBe(
      "aaaaaaaaaaaa [==>                     ] 12.3 MB / 88.1 MB   4.10 MB/s, 19 s left",
    );
    expect(layerLine(first, fast, 60, 4_100_000)).toBe(
      "aaaaaaaaaaaa [=>             ] 12.3 MB / 88.1 MB   4.10 MB/s",
    );
    const unpacking = { ...fast, phase: "unpacking", unpackedBytes: 240_000_000 } as const;
    expect(layerLine(first, unpacking, 80)).toEndWith("unpacking, 240 MB");
  });

  test("never is wider than the window", () => {
    for (let width = 0; width <= 200; width++) {
      expect(layerLine(first, layer, width).length).toBeLessThanOrEqual(width);
      expect(layerLine(first, layer, width, 123_456).length).toBeLessThanOrEqual(width);
      expect(totalLine([layer, layer], width, 123_456).length).toBeLessThanOrEqual(width);
    }
  });
});

test("totalLine() sums up the layers", () => {
  const layer = { phase: "downloading", doneBytes: 500, totalBytes: 1000, unpackedBytes: 0 } as const;
  const done = { ...layer, phase: "done", doneBytes: 1000 } as const;
  expect(totalLine([layer, done, layer], 100, 100)).toBe(
    "total        [===================>          ] 2.00 kB / 3.00 kB   100 B/s, 10 s left, 1/3 layers",
  );
});

describe("Pace", () => {
  test("evens out what comes, and falls when nothing comes", () => {
    const pace = new Pace(0, 0);
    expect(pace.bytesPerSecond).toBeUndefined();
    for (let at = 100; at <= 10_000; at += 100) pace.update(at * 1000, at);
    expect(pace.bytesPerSecond).toBeCloseTo(1_000_000, -3);
    pace.update(10_000_000, 12_000);
    expect(pace.bytesPerSecond).toBeCloseTo(500_000, -3);
  });

  test("begins anew where the count does", () => {
    const pace = new Pace(1000, 0);
    pace.update(2000, 1000);
    pace.update(0, 1100);
    expect(pace.bytesPerSecond).toBeUndefined();
  });
});

test.each([
  [10, 10, "1 s left"],
  [1800, 10, "3 min left"],
  [72_000, 10, "2 h left"],
  [10, 0, undefined],
] as const)("timeLeft(%i, %i) is %p", (rest, rate, text) => {
  expect(timeLeft(rest, rate)).toBe(text);
});

describe("barDisplay()", () => {
  /** What a terminal of this width shows after `written`: lines fold, `ESC[nA` goes up, `ESC[J` clears below. */
  function display(written: string[], widths: number[]): string[] {
    const lines: string[] = [];
    let row = 0;
    written.forEach((raw, index) => {
      const text = raw.replaceAll("\x1b", "ESC");
      const columns = widths[index] ?? 80;
      // Up over the old frame, then clear from there on.
      const match = /^ESC\[(\d+)A\rESC\[J/.exec(text);
      if (match !== null) row -= Number(match[1]);
      lines.length = row;
      const shown = text.slice(match?.[0].length ?? 0);
      for (const line of shown.split("\n").slice(0, -1)) {
        for (let at = 0; at < Math.max(1, line.length); at += columns)
          lines[row++] = line.slice(at, at + columns);
      }
    });
    return lines;
  }

  test("leaves what is worth keeping and no bar behind", () => {
    const written: string[] = [];
    const { show: listener } = barDisplay({
      write: (text) => written.push(text),
      size: () => ({ rows: 24, columns: 80 }),
    });
    for (const event of events) listener(event);
    expect(display(written, [])).toEqual([
      `docker.io/library/x:1: 2 layers, 1.01 kB, ${first}`.slice(0, 80),
      `docker.io/library/x:1: 2 layers, 1.01 kB, ${first}`.slice(80),
      "docker.io/library/x:1: 1.00 kB in 1.5 s",
    ]);
  });

  test("clears what a narrower window has folded", () => {
    const written: string[] = [];
    let columns = 80;
    const { show: listener } = barDisplay({
      write: (text) => written.push(text),
      size: () => ({ rows: 24, columns }),
    });
    const resolved = events[0];
    if (resolved !== undefined) listener(resolved);
    expect(written.at(-1)).toEndWith("0/2 layers\n");
    columns = 20;
    listener({ type: "layer-done", digest: first, diffID: second });
    // Three lines of some 72 characters, the total among them, are four rows each of 20 columns.
    expect(written.at(-1)).toStartWith("\x1b[12A\r\x1b[J");
  });

  test("shows no more layers than the window has rows", () => {
    const written: string[] = [];
    const { show: listener } = barDisplay({
      write: (text) => written.push(text),
      size: () => ({ rows: 6, columns: 80 }),
    });
    const layers = Array.from({ length: 50 }, (_, index) => ({
      digest: `sha256:${String(index).padStart(64, "0")}`,
      sizeBytes: 1,
    }));
    listener({ type: "resolved", reference: "x", digest: first, layers, totalBytes: 50 });
    expect(written.join("").split("\n").length).toBeLessThanOrEqual(6);
  });
});
