/** The typed file calls that need a kernel and root: owners, attributes, devices, recursive removal. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  O_CREAT,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  S_IFBLK,
  S_IFCHR,
} from "../../ffi/kernel.ts";
import { readDirectory, removeTree } from "../../src/sys/directory.ts";
import {
  copyData,
  encodeDevice,
  fchmod,
  fchown,
  fchownat,
  futimens,
  linkat,
  mkdirat,
  mknodat,
  openat,
  openDirectory,
  openInRoot,
  readlinkat,
  renameat,
  symlinkat,
  unlinkat,
  utimensat,
  writeAll,
} from "../../src/sys/file.ts";
import { lookup, statat } from "../../src/sys/stat.ts";
import {
  fgetxattr,
  fremovexattr,
  fsetxattr,
  getxattrat,
  listxattrat,
  setxattrat,
} from "../../src/sys/xattr.ts";
import { Scratch } from "../fixtures/layer.ts";
import { mustRun } from "../fixtures/process.ts";

const scratch = new Scratch();
afterAll(() => scratch[Symbol.dispose]());
const odd = Buffer.from([0x63, 0xe9, 0x0a]);

test("names and targets are bytes", () => {
  using root = openDirectory(scratch.path);
  mkdirat(root, "bytes", 0o755);
  using directory = openat(root, "bytes", O_PATH);
  writeAll(openat(directory, odd, O_WRONLY | O_CREAT, 0o600), Buffer.from("data"));
  symlinkat(odd, directory, Buffer.from([0xff]));
  linkat(directory, Buffer.from([0xff]), directory, "again");
  renameat(directory, odd, directory, Buffer.concat([odd, odd]));
  expect(
    readDirectory(directory)
      .map(({ name }) => name.toString("hex"))
      .sort(),
  ).toEqual(["616761696e", "63e90a63e90a", "ff"]);
  expect(readlinkat(directory, "again").equals(odd)).toBe(true);
  unlinkat(directory, Buffer.from([0xff]));
  expect(lookup(directory, Buffer.from([0xff]))).toBeUndefined();
  expect(() => unlinkat(directory, Buffer.from("a\0b"))).toThrow("NUL");
  expect(() => unlinkat(directory, "missing")).toThrow('unlinkat "missing": ENOENT');
});

test("owners, modes, times and devices are what was asked for", () => {
  using root = openDirectory(scratch.path);
  using file = openat(root, "owned", O_RDWR | O_CREAT, 0o600);
  fchown(file, 4_000_000_000, 7);
  fchmod(file, 0o6754);
  futimens(file, { seconds: -3, nanoseconds: 1 }, { seconds: 5_000_000_000, nanoseconds: 999_999_999 });
  expect(statat(file, "")).toMatchObject({
    uid: 4_000_000_000,
    gid: 7,
    mode: 0o106754,
    accessed: { seconds: -3, nanoseconds: 1 },
    modified: { seconds: 5_000_000_000, nanoseconds: 999_999_999 },
    links: 1,
  });
  symlinkat("owned", root, "to-owned");
  fchownat(root, "to-owned", 1, 2);
  utimensat(root, "to-owned", { seconds: 1, nanoseconds: 2 }, { seconds: 3, nanoseconds: 4 });
  expect(statat(root, "to-owned")).toMatchObject({
    uid: 1,
    gid: 2,
    modified: { seconds: 3, nanoseconds: 4 },
  });
  expect(statat(root, "owned").uid).toBe(4_000_000_000);
  for (const [name, type, major, minor] of [
    ["c", S_IFCHR, 1, 3],
    ["b", S_IFBLK, 4095, 0xfffff],
    ["d", S_IFBLK, 259, 300],
  ] as const) {
    mknodat(root, name, type | 0o600, major, minor);
    expect(statat(root, name)).toMatchObject({ major, minor });
  }
  expect(() => encodeDevice(4096, 0)).toThrow("out of range");
});

test("attributes are set, read, listed and removed by byte, on links too", () => {
  using root = openDirectory(scratch.path);
  using file = openat(root, "attributes", O_RDWR | O_CREAT, 0o600);
  expect([fgetxattr(file, "user.a"), listxattrat(root, "attributes")]).toEqual([undefined, []]);
  const name = Buffer.concat([Buffer.from("user."), odd]);
  fsetxattr(file, name, Buffer.from([0, 255]));
  fsetxattr(file, "user.empty", Buffer.alloc(0));
  expect(fgetxattr(file, name)).toEqual(Buffer.from([0, 255]));
  expect(fgetxattr(file, "user.empty")).toHaveLength(0);
  expect(
    listxattrat(root, "attributes")
      .map((key) => key.toString("hex"))
      .sort(),
  ).toEqual([name.toString("hex"), Buffer.from("user.empty").toString("hex")]);
  fremovexattr(file, name);
  fremovexattr(file, name);
  expect(getxattrat(root, "attributes", name)).toBeUndefined();
  symlinkat("attributes", root, "to-attributes");
  setxattrat(root, "to-attributes", "security.x", Buffer.from("y"));
  expect(getxattrat(root, "to-attributes", "security.x")?.toString()).toBe("y");
  expect(fgetxattr(file, "security.x")).toBeUndefined();
});

describe("openInRoot()", () => {
  test("never leaves the root", () => {
    const path = join(scratch.path, "jail");
    mkdirSync(join(path, "etc"), { recursive: true });
    writeFileSync(join(path, "etc/passwd"), "inside");
    symlinkSync("/etc/passwd", join(path, "absolute"));
    symlinkSync("../../../../../../../../etc/passwd", join(path, "relative"));
    symlinkSync("/proc/self/root", join(path, "magic"));
    using root = openDirectory(path);
    for (const name of ["absolute", "relative", "/etc/passwd", "../../etc/passwd"]) {
      using file = openInRoot(root, name, O_RDONLY);
      expect(readFileSync(`/proc/self/fd/${file.number}`, "utf8")).toBe("inside");
    }
    expect(() => openInRoot(root, "magic/etc/passwd", O_RDONLY)).toThrow("ENOENT");
    expect(() => openInRoot(root, "absolute", O_RDONLY | O_NOFOLLOW)).toThrow("ELOOP");
  });
});

describe("removeTree()", () => {
  test("removes files, links and trees of any depth, and what is not there", () => {
    const path = join(scratch.path, "tree");
    mkdirSync(path);
    writeFileSync(join(scratch.path, "kept"), "");
    mkdirSync(join(scratch.path, "kept-too"));
    symlinkSync(join(scratch.path, "kept"), join(path, "to-kept"));
    symlinkSync(join(scratch.path, "kept-too"), join(path, "to-directory"));
    using root = openDirectory(path);
    // Deeper than descriptors, and than any path may be long.
    let at = openat(root, ".", O_PATH);
    for (let depth = 0; depth < 3000; depth++) {
      mkdirat(at, "deep", 0o700);
      const below = openat(at, "deep", O_PATH);
      at.close();
      at = below;
    }
    at.close();
    removeTree(undefined, path);
    removeTree(undefined, path);
    removeTree(undefined, join(path, "no/such"));
    expect([
      existsSync(path),
      existsSync(join(scratch.path, "kept")),
      existsSync(join(scratch.path, "kept-too")),
    ]).toEqual([false, true, true]);
    symlinkSync(join(scratch.path, "kept-too"), path);
    removeTree(undefined, path);
    expect([existsSync(path), existsSync(join(scratch.path, "kept-too"))]).toEqual([false, true]);
  });

  test("stops at a mount", async () => {
    const path = join(scratch.path, "mounted");
    mkdirSync(join(path, "a"), { recursive: true });
    const program = `
      const { removeTree } = await import(${JSON.stringify(join(import.meta.dir, "../../src/sys/directory.ts"))});
      try { removeTree(undefined, process.argv[1]); } catch (error) { console.log(error.code, require("node:fs").readdirSync(process.argv[1] + "/a").join()); }`;
    const script = 'mount -t tmpfs none "$1/a" && touch "$1/a/precious" && exec "$0" -e "$2" "$1"';
    expect(await mustRun(["unshare", "-m", "sh", "-c", script, process.execPath, path, program])).toMatch(
      /^E(XDEV|BUSY) precious\n$/,
    );
  });
});

test("copyData() copies between file systems", () => {
  const text = "x".repeat(3_000_000);
  using root = openDirectory(scratch.path);
  using shm = openDirectory("/dev/shm");
  writeFileSync(join(scratch.path, "from"), text);
  for (const [directory, name] of [
    [root, "copy"],
    [shm, `currunt-copy-${process.pid}`],
  ] as const) {
    using from = openat(root, "from", O_RDONLY);
    using to = openat(directory, name, O_RDWR | O_CREAT, 0o600);
    copyData(from, to);
    expect(readFileSync(`/proc/self/fd/${to.number}`, "utf8") === text).toBe(true);
    unlinkat(directory, name);
  }
});
