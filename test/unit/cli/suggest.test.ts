import { describe, expect, test } from "bun:test";
import { distance, nearest } from "../../../src/cli/suggest.ts";

describe("nearest()", () => {
  test("finds a mistyped name, a swapped pair and a beginning", () => {
    const names = ["image", "interactive", "tty", "env"];
    expect(nearest("imgae", names)).toBe("image");
    expect(nearest("inter", names)).toBe("interactive");
    expect(nearest("evn", names)).toBe("env");
  });

  test("finds nothing when nothing is near", () => {
    expect(nearest("zebra", ["image", "tty"])).toBeUndefined();
    expect(nearest("x", ["tty"])).toBeUndefined();
  });
});

test("distance() counts a swap of neighbours once", () => {
  expect(distance("evn", "env")).toBe(1);
  expect(distance("kitten", "sitting")).toBe(3);
  expect(distance("", "abc")).toBe(3);
});
