/** What a layer's archive becomes on disk, rule by rule (image-spec layer.md, overlayfs.rst, and what real layers hold). */
import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { explain } from "../../src/base/error.ts";
import { applyLayer } from "../../src/image/apply.ts";
import type { Member } from "../fixtures/archive.ts";
import { archive, base256, member, oldSparseFields } from "../fixtures/archive.ts";
import { apply, applyBytes, chunks, layerFormat, listTree, Scratch } from "../fixtures/layer.ts";

async function failure(...members: (Member | Buffer)[]): Promise<string> {
  try {
    using _applied = await apply(...members);
  } catch (error) {
    return explain(error);
  }
  return "no failure";
}

const whiteout = { type: "character", content: "0:0" };

describe("names", () => {
  test("lose leading slashes and dots; bytes stay bytes", async () => {
    const odd = [0xe9, 0xe8].map((byte) => Buffer.from([0x2e, 0x2f, 0x63, byte]));
    using applied = await apply(
      { name: "/absolute", data: "1" },
      { name: "./dot", data: "2" },
      { name: "a/../clean", data: "3" },
      ...odd.map((name) => ({ name, data: name })),
      { name: "newline\nand space", data: "4" },
    );
    expect(applied.names).toEqual(["absolute", "clean", "c\\xe8", "c\\xe9", "dot", "newline\\xaand space"]);
    expect(applied.tree.get("c\\xe9")?.content).toBe("./c\\xe9");
  });

  test("that are no UTF-8 stay bytes: of directories, links, their targets, whiteouts, attributes", async () => {
    const bytes = (text: string) => Buffer.from(text, "latin1");
    // A PAX record: its length, the key, the value.
    const record = bytes("25 SCHILY.xattr.user.\xe9=\xff\n");
    using applied = await apply(
      { name: bytes("d\xe9/"), type: "5", mode: 0o700 },
      { name: bytes("d\xe8/"), type: "5", mode: 0o711 },
      member({ type: "x", data: record }),
      { name: bytes("d\xe9/f\xff"), data: "1" },
      { name: bytes("d\xe9/h\xfe"), type: "1", link: bytes("d\xe9/f\xff") },
      { name: bytes("l\x80"), type: "2", link: bytes("d\xe9") },
      { name: bytes("l\x80/new"), data: "2" },
      { name: bytes("d\xe8/.wh.g\xc3") },
    );
    expect(applied.tree.get("d\\xe9")?.mode).toBe("700");
    expect(applied.tree.get("d\\xe8")?.mode).toBe("711");
    expect(applied.tree.get("d\\xe9/f\\xff")).toMatchObject({
      xattrs: { "user.\\xe9": "\\xff" },
      links: ["d\\xe9/f\\xff", "d\\xe9/h\\xfe"],
    });
    expect(applied.tree.get("l\\x80")).toMatchObject({ type: "symlink", content: "d\\xe9" });
    expect(applied.tree.get("d\\xe9/new")?.content).toBe("2");
    expect(applied.tree.get("d\\xe8/g\\xc3")).toMatchObject(whiteout);
  });

  test("that leave the root are refused, with the entry's name", async () => {
    expect(await failure({ name: "../evil" })).toBe(
      'entry "../evil": path "../evil": it leads out of the layer',
    );
    expect(await failure({ name: "a/../../evil" })).toContain("it leads out of the layer");
    expect(await failure({ name: "h", type: "1", link: "../../etc/passwd" })).toContain(
      "it leads out of the layer",
    );
    expect(await failure({ pax: { path: `${"d/".repeat(3000)}x` } })).toContain("4095 at most");
  });

  test("as long as the kernel takes work", async () => {
    const name = "n".repeat(255);
    const path = [...Array.from({ length: 14 }, () => name), "f"].join("/");
    using applied = await apply({ pax: { path }, data: "deep" });
    expect(applied.tree.get(path)?.content).toBe("deep");
  });
});

describe("the root entry", () => {
  test("gives the layer its owner, mode, time and attributes", async () => {
    using applied = await apply({
      name: "./",
      type: "5",
      mode: 0o1750,
      uid: 3,
      gid: 4,
      mtime: 5,
      pax: { "SCHILY.xattr.user.x": "y" },
    });
    expect(applied.tree.get("")).toMatchObject({
      mode: "1750",
      owner: "3:4",
      modified: "5.000000000",
      xattrs: { "user.x": "y" },
    });
    expect(applied.layer.implicitDirectories).toEqual([]);
  });

  test("must be a directory", async () => {
    expect(await failure({ name: "./", type: "2", link: "x" })).toContain("the root is a symlink");
    expect(await failure({ name: "/", type: "0" })).toContain("the root is a file");
  });
});

describe("parents", () => {
  test("that are missing are made, and recorded", async () => {
    using applied = await apply({ name: "a/b/c/file", data: "x" }, { name: "a/b/", type: "5", mode: 0o700 });
    expect(applied.layer.implicitDirectories.map(String)).toEqual(["", "a", "a/b/c"]);
    expect(applied.tree.get("a")).toMatchObject({ mode: "755", owner: "0:0" });
    expect(applied.tree.get("a/b")?.mode).toBe("700");
  });

  test("that are links are followed within the layer", async () => {
    using applied = await apply(
      { name: "real/", type: "5" },
      { name: "absolute", type: "2", link: "/real" },
      { name: "dir/", type: "5" },
      { name: "dir/relative", type: "2", link: "../real" },
      { name: "dir/rooted", type: "2", link: "/real" },
      { name: "dir/rooted/three", data: "3" },
      { name: "absolute/one", data: "1" },
      { name: "dir/relative/two", data: "2" },
      { name: "absolute/sub/", type: "5", mode: 0o711 },
    );
    expect(applied.names).toEqual([
      "absolute",
      "dir",
      "dir/relative",
      "dir/rooted",
      "real",
      "real/one",
      "real/sub",
      "real/three",
      "real/two",
    ]);
    expect(applied.tree.get("real/sub")?.mode).toBe("711");
  });

  test("that are links to nowhere lead to directories made within the layer", async () => {
    using applied = await apply({ name: "lib", type: "2", link: "usr/lib" }, { name: "lib/x", data: "1" });
    expect(applied.tree.get("usr/lib/x")?.content).toBe("1");
    expect(applied.tree.get("lib")?.type).toBe("symlink");
  });

  test("that are links in a circle are refused", async () => {
    expect(
      await failure(
        { name: "a", type: "2", link: "b" },
        { name: "b", type: "2", link: "a" },
        { name: "a/x" },
      ),
    ).toContain("too many links");
  });

  test("that are files become directories", async () => {
    using applied = await apply({ name: "a", data: "file" }, { name: "a/b/c", data: "x" });
    expect(applied.names).toEqual(["a", "a/b", "a/b/c"]);
  });
});

describe("a path that comes twice", () => {
  test("is what comes last", async () => {
    using applied = await apply(
      { name: "file", data: "first", mode: 0o600 },
      { name: "file", data: "2nd", mode: 0o640 },
      { name: "was-file", data: "x" },
      { name: "was-file/", type: "5" },
      { name: "was-dir/", type: "5" },
      { name: "was-dir/deep/er", data: "x" },
      { name: "was-dir", data: "now a file" },
      { name: "was-link", type: "2", link: "file" },
      { name: "was-link", data: "no longer" },
      { name: "link", type: "2", link: "a" },
      { name: "link", type: "2", link: "b" },
      { name: "pipe", type: "6" },
      { name: "pipe", type: "6", mode: 0o600 },
    );
    expect(applied.tree.get("file")).toMatchObject({ content: "2nd", mode: "640" });
    expect(applied.tree.get("was-file")?.type).toBe("directory");
    expect(applied.tree.get("was-dir")).toMatchObject({ type: "file", content: "now a file" });
    expect(applied.tree.get("was-link")).toMatchObject({ type: "file", content: "no longer" });
    expect(applied.tree.get("link")?.content).toBe("b");
    expect(applied.tree.get("pipe")?.mode).toBe("600");
    expect(applied.names).toHaveLength(6);
  });

  test("merges directories: what is inside stays, the last metadata counts", async () => {
    using applied = await apply(
      { name: "d/", type: "5", mode: 0o700 },
      { name: "d/x", data: "x" },
      { name: "d/", type: "5", mode: 0o2755, uid: 7 },
    );
    expect(applied.tree.get("d")).toMatchObject({ mode: "2755", owner: "7:0" });
    expect(applied.names).toContain("d/x");
  });

  test("never writes through what was there", async () => {
    using applied = await apply(
      { name: "a", data: "original" },
      { name: "b", type: "1", link: "a" },
      { name: "b", data: "changed" },
    );
    expect(applied.tree.get("a")?.content).toBe("original");
    expect(applied.tree.get("b")?.content).toBe("changed");
  });
});

describe("whiteouts", () => {
  test("become character devices 0:0, whatever type their entry has", async () => {
    const types = ["0", "1", "2", "3", "5", "6"];
    using applied = await apply(
      ...types.map((type) => ({
        name: `dir/.wh.gone-${type}`,
        type,
        link: "x",
        data: type === "0" ? "ignored" : "",
      })),
    );
    expect(applied.names).toEqual(["dir", ...types.map((type) => `dir/gone-${type}`)]);
    for (const type of types) expect(applied.tree.get(`dir/gone-${type}`)).toMatchObject(whiteout);
  });

  test("make a directory opaque, also after and without its other entries", async () => {
    const opaque = { "trusted.overlay.opaque": "y" };
    using applied = await apply(
      { name: "before/.wh..wh..opq" },
      { name: "before/x" },
      { name: "after/x" },
      { name: "after/", type: "5" },
      { name: "after/.wh..wh..opq" },
      { name: "only/.wh..wh..opq" },
    );
    for (const name of ["before", "after", "only"]) expect(applied.tree.get(name)?.xattrs).toEqual(opaque);
    expect(applied.names).toEqual(["after", "after/x", "before", "before/x", "only"]);
    using user = await applyBytes(archive({ name: "d/.wh..wh..opq" }), { namespace: "user" });
    expect(user.tree.get("d")?.xattrs).toEqual({ "user.overlay.opaque": "y" });
  });

  test("give way to what the same layer has", async () => {
    using applied = await apply(
      { name: ".wh.file" },
      { name: "file", data: "1" },
      { name: "late", data: "2" },
      { name: ".wh.late" },
      { name: ".wh.dir" },
      { name: "dir/", type: "5" },
      { name: "late-dir/x", data: "3" },
      { name: ".wh.late-dir" },
      { name: ".wh.parent" },
      { name: "parent/x" },
      { name: ".wh.link" },
      { name: "link", type: "1", link: "file" },
    );
    expect(applied.tree.get("file")?.content).toBe("1");
    expect(applied.tree.get("late")?.content).toBe("2");
    expect(applied.tree.get("link")?.content).toBe("1");
    // The lower directory is gone: what is made in its place must not show what that had.
    for (const name of ["dir", "late-dir", "parent"]) {
      expect(applied.tree.get(name)).toMatchObject({
        type: "directory",
        xattrs: { "trusted.overlay.opaque": "y" },
      });
    }
  });

  test("leave a file alone that is where their directory was: all in that is hidden", async () => {
    using applied = await apply(
      { name: "file", data: "1" },
      { name: "file/.wh.a" },
      { name: "file/b/.wh.c" },
      { name: "file/.wh..wh..opq" },
    );
    expect(applied.names).toEqual(["file"]);
    expect(applied.tree.get("file")?.content).toBe("1");
  });

  test("are dropped where an opaque directory hides all there is", async () => {
    using applied = await apply(
      { name: "d/.wh.a" },
      { name: "d/sub/.wh.b" },
      { name: "d/sub/kept" },
      { name: "d/.wh..wh..opq" },
      { name: "e/.wh.c" },
    );
    expect(applied.names).toEqual(["d", "d/sub", "d/sub/kept", "e", "e/c"]);
  });

  test("of no name, of dots, are refused", async () => {
    expect(await failure({ name: ".wh." })).toContain('a whiteout of ""');
    expect(await failure({ name: "d/.wh..." })).toContain('a whiteout of ".."');
    expect(await failure({ name: ".wh.." })).toContain('a whiteout of "."');
  });

  test("leave AUFS's own files out, but use its store of links", async () => {
    using applied = await apply(
      { name: ".wh..wh.aufs" },
      { name: ".wh..wh.orph/", type: "5" },
      { name: ".wh..wh.orph/x", data: "gone" },
      { name: ".wh..wh.plnk/", type: "5" },
      { name: ".wh..wh.plnk/12.34", data: "linked", mode: 0o751 },
      { name: "one", type: "1", link: ".wh..wh.plnk/12.34" },
      { name: "two", type: "1", link: "/.wh..wh.plnk/12.34" },
    );
    expect(applied.names).toEqual(["one", "two"]);
    expect(applied.tree.get("two")).toMatchObject({ content: "linked", mode: "751", links: ["one", "two"] });
  });

  test("are never made from a device 0:0 of the archive", async () => {
    using applied = await apply(
      { name: "null", type: "3", major: 0, minor: 0 },
      { name: "real", type: "3", major: 1, minor: 3 },
    );
    expect(applied.names).toEqual(["real"]);
    expect(applied.layer.warnings).toEqual([expect.stringContaining("0:0")]);
  });
});

describe("hard links", () => {
  test("share the file, and leave its metadata alone", async () => {
    using applied = await apply(
      { name: "a", data: "x", mode: 0o4750, uid: 5, mtime: 9 },
      { name: "dir/b", type: "1", link: "./a", mode: 0o777, uid: 8, mtime: 1, size: 0 },
      { name: "c", type: "1", link: "/dir/b" },
    );
    expect(applied.tree.get("a")).toMatchObject({
      mode: "4750",
      owner: "5:0",
      modified: "9.000000000",
      links: ["a", "c", "dir/b"],
    });
  });

  test("may come before their target, in chains and in any order", async () => {
    using applied = await apply(
      { name: "l1", type: "1", link: "l2" },
      { name: "l2", type: "1", link: "l3" },
      { name: "l3", type: "1", link: "d/target" },
      { name: "d/target", data: "late" },
    );
    expect(applied.tree.get("l1")).toMatchObject({ content: "late", links: ["d/target", "l1", "l2", "l3"] });
    expect(applied.layer.foreignLinks).toEqual([]);
  });

  test("may name a symbolic link, which is linked itself", async () => {
    using applied = await apply(
      { name: "s", type: "2", link: "/etc/passwd" },
      { name: "h", type: "1", link: "s" },
    );
    expect(applied.tree.get("h")).toMatchObject({
      type: "symlink",
      content: "/etc/passwd",
      links: ["h", "s"],
    });
  });

  test("to what the layer lacks wait for the layers below", async () => {
    using applied = await apply(
      { name: "x/l", type: "1", link: "usr/bin/tool" },
      { name: "m", type: "1", link: "x/l" },
      { name: ".wh.removed" },
      { name: "n", type: "1", link: "removed" },
      { name: "later-file", type: "1", link: "nowhere" },
      { name: "later-file", data: "file" },
      { name: "later-dir", type: "1", link: "nowhere" },
      { name: "later-dir/x", data: "in it" },
    );
    const links = applied.layer.foreignLinks.map(({ path, target }) => `${path} -> ${target}`);
    expect(links).toEqual(["x/l -> usr/bin/tool", "m -> x/l", "n -> removed", "later-dir -> nowhere"]);
    expect(applied.tree.get("later-file")?.content).toBe("file");
  });

  test("to themselves and in circles do no harm", async () => {
    using applied = await apply(
      { name: "a", data: "x" },
      { name: "a", type: "1", link: "a" },
      { name: "p", type: "1", link: "q" },
      { name: "q", type: "1", link: "p" },
    );
    expect(applied.tree.get("a")?.content).toBe("x");
    expect(applied.layer.foreignLinks).toHaveLength(2);
  });

  test("to directories are refused", async () => {
    expect(await failure({ name: "d/", type: "5" }, { name: "l", type: "1", link: "d" })).toContain(
      "which is a directory",
    );
    expect(await failure({ name: "l", type: "1", link: "/" })).toContain("a hard link to the root");
  });
});

describe("metadata", () => {
  test("keeps set-id bits and capabilities of files that somebody else owns", async () => {
    const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");
    using applied = await apply({
      name: "ping",
      data: "x",
      mode: 0o6755,
      uid: 1,
      gid: 2,
      pax: { "SCHILY.xattr.security.capability": capability },
    });
    expect(applied.tree.get("ping")).toMatchObject({ mode: "6755", owner: "1:2" });
    const stored = applied.tree.get("ping")?.xattrs["security.capability"];
    expect(stored).toBe("\\x1\\x0\\x0\\x2\\x0\\x4\\x0\\x0\\x0\\x0\\x0\\x0\\x0\\x0\\x0\\x0\\x0\\x0\\x0\\x0");
  });

  test("has times to the nanosecond, of directories and links too", async () => {
    const pax = { mtime: "1234567890.123456789", atime: "1.5" };
    using applied = await apply(
      { name: "d/", type: "5", pax },
      { name: "d/f", data: "x", pax },
      { name: "d/s", type: "2", link: "x", pax },
      { name: "d/p", type: "6", pax },
      { name: "old", patch: { 136: base256(-86400n, 12) } },
    );
    for (const name of ["d", "d/f", "d/s", "d/p"])
      expect(applied.tree.get(name)?.modified).toBe("1234567890.123456789");
    expect(applied.tree.get("old")?.modified).toBe("-86400.000000000");
    // Nothing has read this one. Images have one time a file.
    const accessedMs = layerFormat === "erofs" ? 1234567890123.4568 : 1500;
    expect(statSync(`${applied.path}/d/p`).atimeMs).toBe(accessedMs);
  });

  test("ignores our umask, and what the directory would hand down", async () => {
    using scratch = new Scratch();
    const staging = `${scratch.path}/staging`;
    const before = process.umask(0o077);
    try {
      mkdirSync(staging);
      chmodSync(staging, 0o2777);
      const bytes = archive(
        { name: "d/", type: "5", mode: 0o777 },
        { name: "d/f", mode: 0o666 },
        { name: "d/p", type: "6", mode: 0o622 },
        { name: "i/f", mode: 0o604 },
      );
      await applyLayer(chunks(bytes), { staging });
      const tree = listTree(staging);
      expect([..."d d/f d/p i i/f".split(" ")].map((name) => tree.get(name)?.mode)).toEqual([
        "777",
        "666",
        "622",
        "755",
        "604",
      ]);
      expect([...tree.values()].every(({ owner }) => owner === "0:0")).toBe(true);
    } finally {
      process.umask(before);
    }
  });

  test("takes owners beyond 2^21, and of links", async () => {
    using applied = await apply(
      { name: "f", patch: { 108: base256(1_000_660_000n, 8) } },
      { name: "s", type: "2", link: "x", uid: 4, gid: 5 },
    );
    expect(applied.tree.get("f")?.owner).toBe("1000660000:0");
    expect(applied.tree.get("s")?.owner).toBe("4:5");
  });

  test("of directories that nobody may enter is set last", async () => {
    using applied = await apply(
      { name: "d/", type: "5", mode: 0 },
      { name: "d/e/", type: "5", mode: 0, mtime: 3 },
      { name: "d/e/f", data: "x" },
    );
    expect(applied.tree.get("d/e")).toMatchObject({ mode: "0", modified: "3.000000000" });
    // The same as a new file has before its mode is set.
    using same = await apply({ name: "d/", type: "5", mode: 0o600 }, { name: "e/", type: "5", mode: 0o700 });
    expect([same.tree.get("d")?.mode, same.tree.get("e")?.mode]).toEqual(["600", "700"]);
  });
});

describe("extended attributes", () => {
  test("are stored, skipped, refused and escaped", async () => {
    using applied = await apply({
      name: "f",
      pax: {
        "SCHILY.xattr.user.\u00e9": Buffer.from([0, 0xff]),
        "LIBARCHIVE.xattr.user.b": Buffer.from("b64").toString("base64"),
        "SCHILY.xattr.security.selinux": "system_u:object_r:x:s0",
        "SCHILY.xattr.trusted.secret": "x",
        "SCHILY.xattr.trusted.overlay.redirect": "/etc",
      },
    });
    expect(applied.tree.get("f")?.xattrs).toEqual({
      "user.\\xc3\\xa9": "\\x0\\xff",
      "user.b": "b64",
      "trusted.overlay.overlay.redirect": "/etc",
    });
    expect(applied.layer.warnings).toEqual([expect.stringContaining('"trusted.secret" is not kept')]);
  });

  test("of links and devices are those that they can have", async () => {
    const pax = { "SCHILY.xattr.user.a": "x", "SCHILY.xattr.security.a": "y" };
    using applied = await apply(
      { name: "s", type: "2", link: "f", pax },
      { name: "n", type: "3", major: 1, minor: 3, pax },
      { name: "d/", type: "5", pax },
    );
    expect(applied.tree.get("s")?.xattrs).toEqual({ "security.a": "y" });
    expect(applied.tree.get("n")?.xattrs).toEqual({ "security.a": "y" });
    expect(applied.tree.get("d")?.xattrs).toEqual({ "user.a": "x", "security.a": "y" });
    expect(applied.layer.warnings).toEqual([]);
  });
});

describe("devices", () => {
  test("and pipes are made with their numbers", async () => {
    using applied = await apply(
      { name: "c", type: "3", major: 10, minor: 229, mode: 0o666, uid: 1 },
      { name: "b", type: "4", major: 4095, minor: 1_048_575, mode: 0o660 },
      { name: "p", type: "6", mode: 0o620 },
    );
    expect(applied.tree.get("c")).toMatchObject({
      type: "character",
      content: "10:229",
      mode: "666",
      owner: "1:0",
    });
    expect(applied.tree.get("b")).toMatchObject({ type: "block", content: "4095:1048575" });
    expect(applied.tree.get("p")).toMatchObject({ type: "fifo", mode: "620" });
  });

  test("with numbers that Linux does not have are refused", async () => {
    expect(await failure({ name: "c", type: "3", major: 4096, minor: 0 })).toContain(
      "4096:0 is out of range",
    );
    expect(await failure({ name: "c", type: "3", patch: { 329: base256(-1n, 8) } })).toContain(
      "out of range",
    );
  });
});

test("sparse files stay sparse", async () => {
  using applied = await apply({
    name: "s",
    type: "S",
    magic: "gnu",
    data: "end",
    patch: oldSparseFields([[5_000_000, 3]], 9_000_000),
  });
  const file = `${applied.path}/s`;
  expect(statSync(file).size).toBe(9_000_000);
  // Readers of an image are not told where its holes are; the disk has them all the same.
  const stored = layerFormat === "erofs" ? applied.stored : file;
  expect(statSync(stored).blocks * 512).toBeLessThan(100_000);
  expect(readFileSync(file).subarray(4_999_999, 5_000_004).toString()).toBe("\0end\0");
  expect(applied.layer.sizeBytes).toBe(3);
});

describe("limits", () => {
  test("stop a layer of too many entries or bytes", async () => {
    const many = archive(...Array.from({ length: 50 }, (_, i) => ({ name: `f${i}` })));
    await expect(applyBytes(many, { limits: { entries: 49 } })).rejects.toThrow("more than 49 entries");
    await expect(applyBytes(many, { limits: { sizeBytes: 20_000 } })).rejects.toThrow(
      "larger than 20000 bytes when decompressed",
    );
  });

  test("stop attributes that must be kept in memory", async () => {
    const value = Buffer.alloc(60_000, "x");
    const directories = Array.from({ length: 1200 }, (_, i) => ({
      name: `d${i}/`,
      type: "5",
      pax: { "SCHILY.xattr.user.big": value },
    }));
    await expect(applyBytes(archive(...directories))).rejects.toThrow(/entry "d\d+\/"/);
  });

  test("stop a bomb early", async () => {
    // 8 GiB of zeros would come out of 8 MiB: far more than may be taken.
    const bomb = Bun.gzipSync(new Uint8Array(64 << 20));
    let given = 0;
    async function* source(): AsyncGenerator<Uint8Array> {
      for (; given < 128; given++) yield bomb;
    }
    using scratch = new Scratch();
    await expect(
      applyLayer(source(), { staging: scratch.path, limits: { sizeBytes: 100 << 20 } }),
    ).rejects.toThrow("larger than");
    // The thread that inflates has read ahead by no more than its memory takes.
    expect(given * bomb.length).toBeLessThan(3 << 20);
  });
});

test("the digest covers what follows the archive's end", async () => {
  const bytes = Buffer.concat([archive({ name: "f" }), Buffer.from("trailing")]);
  using applied = await applyBytes(Bun.gzipSync(bytes));
  expect(applied.layer.diffID).toBe(`sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`);
  expect(applied.layer.entries).toBe(1);
});
