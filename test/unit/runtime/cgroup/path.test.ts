import { describe, expect, test } from "bun:test";
import { parseTrees } from "../../../../src/runtime/cgroup/host.ts";
import { directoryInTree, expandSlice, parseUnit, pathInTree } from "../../../../src/runtime/cgroup/path.ts";

const tree = (own: string) => ({ name: "memory", mountPoint: "/sys/fs/cgroup/memory", own });

describe("pathInTree()", () => {
  const cases: readonly (readonly [
    version: 1 | 2,
    own: string,
    path: string | undefined,
    expected: string,
  ])[] = [
    [1, "/", "/a/b", "/a/b"],
    [1, "/user", "/a", "/a"],
    [1, "/user", undefined, "/user/box"],
    [1, "/user", "", "/user/box"],
    [1, "/user", "a/b", "/user/a/b"],
    // Beside the runtime's own cgroup: one with processes can hand no controllers down.
    [2, "/user/session", undefined, "/user/box"],
    [2, "/user/session", "a", "/user/a"],
    [2, "/", "a", "/a"],
    [2, "/user", "/a", "/a"],
    [1, "/user", "../../../a", "/user/a"],
    [1, "/user", "/../../a", "/a"],
  ];
  for (const [version, own, path, expected] of cases) {
    test(`version ${version}, from ${own}: ${JSON.stringify(path)} is ${expected}`, () =>
      expect(pathInTree({ version }, tree(own), path, "box")).toBe(expected));
  }
});

test("directoryInTree() refuses the root, which is the host's", () => {
  expect(directoryInTree({ version: 1 }, tree("/"), "/a//b/", "box")).toBe("/sys/fs/cgroup/memory/a/b");
  for (const path of ["/", "//", "/.", "/a/.."]) {
    expect(() => directoryInTree({ version: 1 }, tree("/"), path, "box")).toThrow(
      "is the root of all cgroups",
    );
  }
});

describe("parseUnit()", () => {
  const cases: readonly (readonly [
    path: string | undefined,
    rootless: boolean,
    slice: string,
    name: string,
  ])[] = [
    ["system.slice:crio:1234", false, "system.slice", "crio-1234.scope"],
    [":libpod:1234", false, "system.slice", "libpod-1234.scope"],
    [":libpod:1234", true, "user.slice", "libpod-1234.scope"],
    ["machine.slice::1234", false, "machine.slice", "1234.scope"],
    ["kubepods.slice:x:pod-1.slice", false, "kubepods.slice", "pod-1.slice"],
    [undefined, false, "system.slice", "currunt-box.scope"],
  ];
  for (const [path, rootless, slice, name] of cases) {
    test(`${JSON.stringify(path)}${rootless ? ", rootless," : ""} is ${name} in ${slice}`, () =>
      expect(parseUnit(path, "box", rootless)).toEqual({ slice, name }));
  }
  for (const path of ["/a/b", "a:b", "a:b:c:d", "system.slice:x:", "no slice:x:y", "../x.slice:a:b"]) {
    test(`refuses ${path}`, () => expect(() => parseUnit(path, "box", false)).toThrow("linux.cgroupsPath"));
  }
});

test("expandSlice() puts a slice into those that its name has", () => {
  expect(expandSlice("-.slice")).toBe("/");
  expect(expandSlice("a.slice")).toBe("/a.slice");
  expect(expandSlice("a-b-c.slice")).toBe("/a.slice/a-b.slice/a-b-c.slice");
  for (const name of ["a", "-a.slice", "a-.slice", "a--b.slice", ".slice", "a/b.slice"]) {
    expect(() => expandSlice(name)).toThrow("is no name of a slice");
  }
});

test("parseTrees() reads trees of version 1, a named one and the unified one", () => {
  expect(parseTrees("4:memory:/a:b\n3:cpu,cpuacct:/\n2:name=systemd:/x\n0::/y\n")).toEqual([
    { name: "memory", mountPoint: "/sys/fs/cgroup/memory", own: "/a:b" },
    { name: "cpu,cpuacct", mountPoint: "/sys/fs/cgroup/cpu,cpuacct", own: "/" },
    { name: "name=systemd", mountPoint: "/sys/fs/cgroup/systemd", own: "/x" },
    { name: "", mountPoint: "/sys/fs/cgroup/unified", own: "/y" },
  ]);
});
