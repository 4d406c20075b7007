import { describe, expect, test } from "bun:test";
import { cgroupForExec } from "../../../src/runtime/exec-cgroup.ts";

const state = {
  version: 1,
  directories: { "cpu,cpuacct": "/c/cpu/x", memory: "/c/memory/x", "": "/c/unified/x" },
} as const;
const directories = (...wanted: string[]) => cgroupForExec(state, wanted)?.state.directories;

describe("cgroupForExec()", () => {
  test("is the container's own unless another is wanted", () => {
    expect(directories()).toEqual(state.directories);
    expect(cgroupForExec(undefined, [])).toBeUndefined();
  });

  test("is below it in all trees, or in those of some controllers", () => {
    expect(directories("a/b")).toEqual({
      "cpu,cpuacct": "/c/cpu/x/a/b",
      memory: "/c/memory/x/a/b",
      "": "/c/unified/x/a/b",
    });
    expect(directories("cpuacct:a", "memory:/b")).toEqual({
      ...state.directories,
      "cpu,cpuacct": "/c/cpu/x/a",
      memory: "/c/memory/x/b",
    });
  });

  test("is never above it", () => {
    for (const path of ["..", "memory:../../y", "memory:a/../../x"]) {
      expect(() => directories(path)).toThrow("bad sub cgroup path");
    }
    expect(directories("memory:a/..")?.["memory"]).toBe("/c/memory/x");
    expect(directories("memory:/")?.["memory"]).toBe("/c/memory/x/");
    expect(directories("memory:..a")?.["memory"]).toBe("/c/memory/x/..a");
  });

  test("refuses controllers that are not there", () => {
    expect(() => directories("pids:a")).toThrow("no such controller");
    expect(() => cgroupForExec(undefined, ["a"])).toThrow("no cgroup");
  });
});
