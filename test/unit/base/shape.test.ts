/** Shapes of JSON: what they take, and how they tell where a value is wrong. */
import { describe, expect, test } from "bun:test";
import type { Shape } from "../../../src/base/shape.ts";
import {
  flag,
  listOf,
  objectOf,
  oneOf,
  pathOf,
  tableOf,
  text,
  textThat,
  whole,
} from "../../../src/base/shape.ts";

interface Point {
  readonly x: number;
  readonly name?: string;
}
const point = objectOf<Point>({ x: whole(), name: text }, ["x"]);

function told<T>(shape: Shape<T>, value: unknown): string {
  const found = shape(value);
  return found === undefined ? "taken" : `${pathOf(found)}: ${found.text}`;
}

describe("a shape", () => {
  test.each<[Shape<unknown>, unknown, string]>([
    [text, "x", "taken"],
    [text, 1, ": 1 is not a string"],
    [text, undefined, ": undefined is not a string"],
    [text, "a\0", ": contains a NUL character"],
    [textThat((value) => value !== "", "is empty"), "", ": is empty"],
    [flag, 0, ": 0 is not true or false"],
    [whole(0, 7), 8, ": 8 is more than 7"],
    [whole(0, 7), -1, ": -1 is less than 0"],
    [whole(), 1.5, ": 1.5 is not a whole number"],
    [whole(), 2 ** 64, "taken"],
    [oneOf("a", "b"), "c", ': "c" is none of a, b'],
    [listOf(text), ["a", 1], "[1]: 1 is not a string"],
    [listOf(text, 1), [], ": is empty"],
    [listOf(text), {}, ": {} is not a list"],
    [tableOf(text), { a: "x", b: 1 }, "b: 1 is not a string"],
    [tableOf(text), [], ": [] is not an object"],
    [tableOf(listOf(point)), { a: [{ x: 1 }, {}] }, "a[1].x: is missing"],
    [point, { x: 1, y: "whatever" }, "taken"],
    [point, { x: 1, constructor: 1 }, "taken"],
    [point, { x: null }, "x: is missing"],
    [point, null, ": null is not an object"],
  ])("%p of %j: %s", (shape, value, message) => expect(told(shape, value)).toBe(message));

  test("takes null for absent, and removes it", () => {
    const value = { x: 1, name: null };
    expect(told(point, value)).toBe("taken");
    expect(value).toEqual({ x: 1 } as never);
  });

  test("shortens what it shows of a long value", () => {
    expect(
      told(
        text,
        Array.from({ length: 1000 }, () => 1),
      ).length,
    ).toBeLessThan(120);
  });
});
