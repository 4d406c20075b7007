import { describe, expect, test } from "bun:test";
import { normalizePath, parseTmpfs, parseVolume } from "../../../src/cli/volume.ts";

const plain = { readOnly: false, options: [], noCopy: false };

describe("parseVolume()", () => {
  test.each([
    ["/a:/b", { source: "/a", target: "/b", ...plain }],
    [".:/app", { source: "/here/now", target: "/app", ...plain }],
    ["..:/app", { source: "/here", target: "/app", ...plain }],
    ["./x:/app", { source: "/here/now/x", target: "/app", ...plain }],
    ["sub/dir:/app", { source: "/here/now/sub/dir", target: "/app", ...plain }],
    ["../x/./y:/a//b/", { source: "/here/x/y", target: "/a/b", ...plain }],
    ["/a:/b:ro", { source: "/a", target: "/b", ...plain, readOnly: true }],
    ["/a:/b:rw", { source: "/a", target: "/b", ...plain }],
    ["/a:/b:ro,rw", { source: "/a", target: "/b", ...plain }],
    [
      "/a:/b:ro,noexec,rslave",
      { source: "/a", target: "/b", ...plain, readOnly: true, options: ["noexec", "rslave"] },
    ],
    ["/a:/b:", { source: "/a", target: "/b", ...plain }],
    ["/data", { target: "/data", ...plain }],
    ["/a b:/c d", { source: "/a b", target: "/c d", ...plain }],
  ])("reads %j", (text, expected) => {
    expect(parseVolume(text, "/here/now")).toEqual(expected);
  });

  test.each([
    ["", 'volume "": has an empty target'],
    [":/b", 'volume ":/b": has an empty source'],
    ["/a:", 'volume "/a:": has an empty target'],
    ["/a:b", 'volume "/a:b": the target "b" is not an absolute path'],
    ["data", 'volume "data": the target "data" is not an absolute path'],
    ["/a:/", 'volume "/a:/": the target is the root of the container'],
    ["/a:/b/..", 'volume "/a:/b/..": the target is the root of the container'],
    ["/a:/b:ro:x", 'volume "/a:/b:ro:x": has more than three parts'],
    ["/a:/b:fast", 'volume "/a:/b:fast": unknown option "fast"'],
    ["/a:/b:z", 'volume "/a:/b:z": option "z": SELinux labels are not in this version'],
    ["data:/b", 'volume "data:/b": named volumes are not in this version'],
  ])("refuses %j", (text, message) => {
    expect(() => parseVolume(text, "/")).toThrow(message);
  });
});

describe("parseTmpfs()", () => {
  test("reads target and options", () => {
    expect(parseTmpfs("/run")).toEqual({ target: "/run", options: [] });
    expect(parseTmpfs("/run:size=64m,mode=1777")).toEqual({
      target: "/run",
      options: ["size=64m", "mode=1777"],
    });
  });

  test("refuses a relative target and an empty option", () => {
    expect(() => parseTmpfs("run")).toThrow('tmpfs "run": the target "run" is not an absolute path');
    expect(() => parseTmpfs("/run:size=1m,,ro")).toThrow("has an empty option");
  });
});

test("normalizePath() never leaves the root", () => {
  expect(normalizePath("/../../a/./b/../c//")).toBe("/a/c");
  expect(normalizePath("/")).toBe("/");
});
