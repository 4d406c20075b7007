/** Names of entries: what they are cleaned to, and what is refused. */
import { expect, test } from "bun:test";
import { cleanPath, isMarker, joinPath, nameOf, parentOf } from "../../../src/image/layer-path.ts";

test("cleanPath() strips what does not matter", () => {
  const same = ["a", "./a", "/a", "//a", "a/", "./a/.", "././a", "b/../a", "/./b/c/../../a//"];
  for (const path of same) expect([path, cleanPath(path)]).toEqual([path, "a"]);
  for (const root of ["", ".", "./", "/", "//", "a/..", "./."])
    expect([root, cleanPath(root)]).toEqual([root, ""]);
  // Dots that are names.
  for (const path of ["...", "..a", "a..", "a/.b", ".a/..."]) expect(cleanPath(path)).toBe(path);
  expect(cleanPath("caf\u00e9/\u00ff")).toBe("caf\u00e9/\u00ff");
});

test("cleanPath() refuses to leave the root", () => {
  for (const path of ["..", "../a", "a/../..", "/..", "/../etc/passwd", "./../a", "a/../../b", "../"]) {
    expect(() => cleanPath(path)).toThrow("it leads out of the layer");
  }
});

test("cleanPath() refuses what no kernel takes", () => {
  expect(() => cleanPath("a\0b")).toThrow("it contains a NUL");
  expect(() => cleanPath("x".repeat(256))).toThrow("longer than 255 bytes");
  expect(() => cleanPath(`a/${"x".repeat(256)}/b`)).toThrow("longer than 255 bytes");
  expect(() => cleanPath(`${"d/".repeat(2048)}x`)).toThrow("4095 at most");
  expect(cleanPath(`${"x".repeat(255)}/${"y".repeat(255)}`)).toHaveLength(511);
});

test("paths are taken apart and put together", () => {
  expect([parentOf("a/b/c"), nameOf("a/b/c")]).toEqual(["a/b", "c"]);
  expect([parentOf("a"), nameOf("a")]).toEqual(["", "a"]);
  expect([joinPath("", "a"), joinPath("a", "b")]).toEqual(["a", "a/b"]);
  expect([".wh.a", "b/.wh.a", ".wh..wh.plnk/1.2", "a", "a.wh.b"].map(isMarker)).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});
