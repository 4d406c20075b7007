/** Mounts by descriptor on the host side: nothing appears anywhere until it is attached. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { changeMount, cloneTree, makeFilesystem } from "../../src/sys/mount.ts";

const mounts = () => readFileSync("/proc/self/mountinfo", "utf8");

describe("makeFilesystem()", () => {
  test("gives a filesystem that is mounted nowhere and goes with its descriptor", () => {
    const before = mounts();
    using tree = makeFilesystem(
      "tmpfs",
      [
        ["size", "1m"],
        ["mode", "700"],
      ],
      ["nodev"],
    );
    writeFileSync(`/proc/self/fd/${tree.number}/file`, "here");
    expect(readFileSync(`/proc/self/fd/${tree.number}/file`, "utf8")).toBe("here");
    expect(mounts()).toBe(before);
  });

  test("tells what the kernel says about a bad option, and an unknown filesystem", () => {
    expect(() => makeFilesystem("tmpfs", [["size", "much"]])).toThrow(
      /fsconfig "tmpfs: size=much \(.*size.*\)": EINVAL/,
    );
    expect(() => makeFilesystem("nosuchfs", [])).toThrow('fsopen "nosuchfs": ENODEV');
  });
});

describe("changeMount()", () => {
  test("changes attributes of a copy and not of its source", () => {
    const directory = mkdtempSync(join(tmpdir(), "currunt-mount-"));
    try {
      using tree = cloneTree(directory);
      changeMount(tree, { propagation: "private", recursive: true });
      changeMount(tree, { set: ["ro", "noatime"], clear: ["nosuid"] });
      expect(() => writeFileSync(`/proc/self/fd/${tree.number}/file`, "")).toThrow("EROFS");
      writeFileSync(join(directory, "file"), "");
      changeMount(tree, { clear: ["ro"], set: ["relatime"] });
      writeFileSync(`/proc/self/fd/${tree.number}/file`, "again");
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
