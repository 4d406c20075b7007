/** Layers as EROFS images: whatever an archive can carry, read back by a reader of our own. fsck.erofs has its say in the integration tests. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { UnpackedLayer } from "../../../src/image/apply.ts";
import { applyLayer } from "../../../src/image/apply.ts";
import type { Member } from "../../fixtures/archive.ts";
import { archive } from "../../fixtures/archive.ts";
import type { ErofsItem } from "../../fixtures/erofs.ts";
import { readErofs } from "../../fixtures/erofs.ts";

const scratch = mkdtempSync(join(tmpdir(), "currunt-erofs-"));
afterAll(() => rmSync(scratch, { recursive: true }));
let serial = 0;

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 100_001) yield bytes.slice(at, at + 100_001);
}

interface Built {
  readonly path: string;
  readonly layer: UnpackedLayer;
  readonly items: Map<string, ErofsItem>;
}

async function build(...members: (Member | Buffer)[]): Promise<Built> {
  const path = join(scratch, `${serial++}`);
  const layer = await applyLayer(pieces(archive(...members)), { staging: path, format: "erofs" });
  return { path, layer, items: readErofs(path) };
}

describe("an image", () => {
  test("of nothing has a root", async () => {
    const { items, path } = await build();
    expect([...items.keys()]).toEqual([""]);
    expect(items.get("")).toMatchObject({ type: "directory", mode: 0o755, uid: 0, gid: 0, links: 2 });
    expect(statSync(path)).toMatchObject({ mode: 0o100600, size: 8192 });
  });

  test("has every type, with owners of 32 bits, all mode bits and times to the nanosecond", async () => {
    const pax = { mtime: "-1.75", uid: "4000000000", gid: "70000" };
    const { items } = await build(
      { name: "./", type: "5", mode: 0o1777, mtime: 5 },
      { name: "f", data: "data", mode: 0o6755, pax },
      { name: "empty" },
      { name: "d/", type: "5", mode: 0o2750, pax },
      { name: "l", type: "2", link: "/not/there", pax },
      { name: "c", type: "3", major: 4095, minor: 0xfffff, mode: 0o620 },
      { name: "b", type: "4", major: 8, minor: 300 },
      { name: "p", type: "6", mode: 0o600 },
    );
    const owner = { uid: 4000000000, gid: 70000, seconds: -2n, nanoseconds: 250_000_000 };
    expect(items.get("")).toMatchObject({ mode: 0o1777, seconds: 5n });
    expect(items.get("f")).toMatchObject({
      type: "file",
      mode: 0o6755,
      content: "data",
      sizeBytes: 4,
      ...owner,
    });
    expect(items.get("empty")).toMatchObject({ type: "file", sizeBytes: 0, content: "" });
    expect(items.get("d")).toMatchObject({ type: "directory", mode: 0o2750, ...owner });
    expect(items.get("l")).toMatchObject({ type: "symlink", mode: 0o777, content: "/not/there", ...owner });
    // new_encode_dev() of linux/kdev_t.h.
    expect(items.get("c")).toMatchObject({
      type: "character",
      device: 0xffffffff,
      mode: 0o620,
    });
    expect(items.get("b")).toMatchObject({ type: "block", device: 44 | (8 << 8) | (256 << 12) });
    expect(items.get("p")).toMatchObject({ type: "fifo", mode: 0o600 });
  });

  test("has the bytes of files of all sizes around blocks and buffers, in order and out of it", async () => {
    const sizes = [1, 511, 4095, 4096, 4097, 65535, 65536, 65537, 100_000, (1 << 20) - 1, 1 << 20];
    const contents = [...sizes, ...sizes.reverse()].map((size, i) => Buffer.alloc(size, `${i}-${size};`));
    const { items } = await build(...contents.map((data, i) => ({ name: `f${i}`, data })));
    for (const [i, data] of contents.entries())
      expect(items.get(`f${i}`)?.content === data.toString("latin1")).toBe(true);
  });

  test("finds its names in large directories, also those that are no text", async () => {
    const names = Array.from({ length: 3000 }, (_, i) => `${(i * 7919) % 3000}-${"n".repeat(i % 200)}`);
    const odd = Buffer.from("caf\xe9\xff", "latin1");
    const { items } = await build(
      ...names.map((name) => ({ pax: { path: `big/${name}` }, data: name })),
      { name: odd, data: "1" },
      { pax: { path: "x".repeat(255) }, data: "2" },
      // In byte order before "." and "..".
      { name: "!", data: "3" },
    );
    for (const name of names) expect(items.get(`big/${name}`)?.content).toBe(name);
    expect(items.get("caf\xe9\xff")?.content).toBe("1");
    expect(items.get("x".repeat(255))?.content).toBe("2");
    expect(items.get("!")?.content).toBe("3");
  });

  test("has links of every length", async () => {
    const targets = [1, 59, 60, 4000, 4031, 4032, 4033, 4095].map((length) => "t".repeat(length));
    const { items } = await build(
      ...targets.map((link, i) => ({ name: `l${i}`, type: "2", link: "", pax: { linkpath: link } })),
    );
    for (const [i, link] of targets.entries()) expect(items.get(`l${i}`)?.content).toBe(link);
    await expect(build({ name: "l", type: "2", pax: { linkpath: "t".repeat(4096) } })).rejects.toThrow(
      'entry "l"',
    );
  });

  test("keeps hard links one file, before and after their target, and counts them", async () => {
    const { items } = await build(
      { name: "early", type: "1", link: "a/file" },
      { name: "a/file", data: "shared", mode: 0o640 },
      { name: "b/late", type: "1", link: "early" },
      { name: "gone", type: "1", link: "a/file" },
      { name: "gone", data: "other" },
    );
    const file = items.get("a/file");
    expect(file).toMatchObject({ links: 3, content: "shared" });
    expect([items.get("early")?.nid, items.get("b/late")?.nid]).toEqual([file?.nid, file?.nid]);
    expect(items.get("gone")).toMatchObject({ links: 1, content: "other" });
  });

  test("has holes for holes, and files beyond 4 GiB", async () => {
    const gib = 1024 ** 3;
    const pax = {
      "GNU.sparse.major": "1",
      "GNU.sparse.minor": "0",
      "GNU.sparse.name": "s",
      "GNU.sparse.realsize": `${6 * gib}`,
    };
    const map = Buffer.alloc(512);
    map.write(`2\n4096\n3\n${5 * gib}\n3\n`);
    const { items, path, layer } = await build(
      { name: "s", data: Buffer.concat([map, Buffer.from("onetwo")]), pax },
      { name: "after", data: "after" },
    );
    expect(items.get("s")?.sizeBytes).toBe(6 * gib);
    expect(items.get("after")?.content).toBe("after");
    expect(layer.sizeBytes).toBe(11);
    expect(statSync(path).blocks * 512).toBeLessThan(100_000);
    const bytes = await Bun.file(path).slice(8192, 8195).text();
    expect([
      bytes,
      await Bun.file(path)
        .slice(4096 + 5 * gib, 4096 + 5 * gib + 3)
        .text(),
    ]).toEqual(["one", "two"]);
  });

  test("has attributes to the byte, and overlayfs's marks", async () => {
    const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");
    const pax = {
      "SCHILY.xattr.security.capability": capability,
      "SCHILY.xattr.user.bytes": Buffer.from([0, 255, 10]),
      "SCHILY.xattr.user.empty": "",
    };
    const large = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`SCHILY.xattr.user.k${i}`, "v".repeat(3000 + i)]),
    );
    const { items, layer } = await build(
      { name: "f", data: "x", pax },
      { name: "large/", type: "5", pax: large },
      { name: "large/f", data: "y" },
      { name: "o/.wh..wh..opq" },
      { name: "o/.wh.inside" },
      { name: "w/.wh.gone" },
      {
        name: "l",
        type: "2",
        link: "f",
        pax: { "SCHILY.xattr.user.no": "1", "SCHILY.xattr.security.ima": "2" },
      },
      { name: "t", pax: { "SCHILY.xattr.trusted.any": "1", "SCHILY.xattr.trusted.overlay.opaque": "y" } },
    );
    expect(items.get("f")?.xattrs).toEqual({
      "security.capability": capability,
      "user.bytes": Buffer.from([0, 255, 10]),
      "user.empty": Buffer.alloc(0),
    });
    expect(Object.keys(items.get("large")?.xattrs ?? {})).toHaveLength(20);
    expect(items.get("large/f")?.content).toBe("y");
    expect(items.get("o")?.xattrs["trusted.overlay.opaque"]?.toString()).toBe("y");
    expect(items.has("o/inside")).toBe(false);
    expect(items.get("w/gone")).toMatchObject({ type: "character", device: 0 });
    expect(items.get("w")?.xattrs).toHaveProperty(["trusted.overlay.origin"]);
    expect(items.get("l")?.xattrs).toEqual({ "security.ima": Buffer.from("2") });
    expect(items.get("t")?.xattrs).toEqual({ "trusted.overlay.overlay.opaque": Buffer.from("y") });
    expect(layer.warnings.join()).toContain("trusted.any");
  });

  test("takes access control lists that the kernel can read only", async () => {
    const list = Buffer.from("0200000001000600ffffffff04000400ffffffff20000400ffffffff", "hex");
    const acl = (value: Buffer) => ({ name: "f", pax: { "SCHILY.xattr.system.posix_acl_access": value } });
    const { items } = await build(acl(list));
    expect(items.get("f")?.xattrs).toEqual({ "system.posix_acl_access": list });
    await expect(build(acl(Buffer.from("damaged")))).rejects.toThrow('entry "f"');
  });

  test("has the last of several entries of one name, whatever the types", async () => {
    const { items } = await build(
      { name: "x/", type: "5" },
      { name: "x/in", data: "1" },
      { name: "x", data: "file" },
      { name: "y", data: "file" },
      { name: "y/in", data: "2" },
      { name: "z", data: "first" },
      { name: "z", data: "second" },
    );
    expect(items.get("x")).toMatchObject({ type: "file", content: "file" });
    expect(items.has("x/in")).toBe(false);
    expect(items.get("y/in")?.content).toBe("2");
    expect(items.get("z")?.content).toBe("second");
  });
});
