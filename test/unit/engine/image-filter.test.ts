import { describe, expect, test } from "bun:test";
import { filterImages } from "../../../src/engine/image-filter.ts";
import type { ImageFilter, ImageSummary } from "../../../src/engine/image-options.ts";

function image(id: string, createdAt: number, references: string[], labels = {}): ImageSummary {
  return {
    id,
    references,
    referenceDigests: references.map((name) => `digest of ${name}`),
    manifestDigest: "",
    platform: "linux/amd64",
    createdAt,
    sizeBytes: 0,
    labels,
    containers: 0,
  };
}

const images = [
  image("three", 3000, ["quay.io/me/app:1", "docker.io/library/app:2"]),
  image("two", 2000, ["docker.io/library/busybox:latest"], { stage: "test", empty: "" }),
  image("one", 1000, []),
];

function chosen(...filters: ImageFilter[]): string[] {
  const createdAt = (name: string) => images.find(({ id }) => id === name)?.createdAt ?? Number.NaN;
  return filterImages(images, filters, createdAt).flatMap(({ id, references }) => [id, ...references]);
}

describe("filterImages()", () => {
  test.each([
    ["busybox", ["docker.io/library/busybox:latest"]],
    ["busybox:*", ["docker.io/library/busybox:latest"]],
    ["docker.io/library/busybox", ["docker.io/library/busybox:latest"]],
    ["busy*", ["docker.io/library/busybox:latest"]],
    ["app", ["docker.io/library/app:2"]],
    ["quay.io/*/app", ["quay.io/me/app:1"]],
    ["quay.io/*", []],
    ["**/app:*", ["quay.io/me/app:1", "docker.io/library/app:2"]],
    ["absent", []],
  ])("reference=%s shows the names that match, and no others", (pattern, names) => {
    expect(chosen({ kind: "reference", pattern }).filter((text) => text.includes("/"))).toEqual(names);
  });

  test("several references are alternatives, other filters hold together", () => {
    const reference = (pattern: string): ImageFilter => ({ kind: "reference", pattern });
    expect(chosen(reference("app:2"), reference("busybox"))).toHaveLength(4);
    expect(chosen(reference("**"), { kind: "before", than: "three" })).toEqual([
      "two",
      "docker.io/library/busybox:latest",
    ]);
  });

  test("dangling, before, since and times", () => {
    expect(chosen({ kind: "dangling", value: true })).toEqual(["one"]);
    expect(chosen({ kind: "dangling", value: false })).not.toContain("one");
    expect(chosen({ kind: "before", than: "two" })).toEqual(["one"]);
    expect(chosen({ kind: "since", than: "two" })[0]).toBe("three");
    expect(chosen({ kind: "before", than: 1500 })).toEqual(["one"]);
  });

  test("labels by name, by value, and absent ones", () => {
    const label = (name: string, value?: string, present = true): ImageFilter => {
      return { kind: "label", name, value, present };
    };
    expect(chosen(label("stage"))[0]).toBe("two");
    expect(chosen(label("stage", "test"))[0]).toBe("two");
    expect(chosen(label("empty", ""))[0]).toBe("two");
    expect(chosen(label("stage", "other"))).toEqual([]);
    expect(chosen(label("stage", undefined, false))).toEqual(expect.arrayContaining(["one", "three"]));
    expect(chosen(label("stage", undefined, false))).not.toContain("two");
  });
});
