/** Unpacked trees beside those of other tools: GNU tar for one archive, umoci for layers on top of each other. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { applyLayer } from "../../src/image/apply.ts";
import { mountSnapshot } from "../../src/image/snapshot.ts";
import type { Member } from "../fixtures/archive.ts";
import { archive } from "../fixtures/archive.ts";
import type { Item } from "../fixtures/layer.ts";
import {
  apply,
  chunks,
  layerFormat,
  listTree,
  openTree,
  prepareStaging,
  Scratch,
} from "../fixtures/layer.ts";
import { mustRun } from "../fixtures/process.ts";
import { makeSystem } from "../fixtures/system-tree.ts";

const scratch = new Scratch();
afterAll(() => scratch[Symbol.dispose]());
let serial = 0;

function newDirectory(): string {
  const path = join(scratch.path, `${serial++}`);
  mkdirSync(path);
  return path;
}

const opened = new DisposableStack();
afterAll(() => opened.dispose());

/** A layer from `source`, stored as these tests store them. */
async function store(source: AsyncIterable<Uint8Array>, lowers: readonly string[] = []): Promise<string> {
  const staging = prepareStaging(join(scratch.path, `${serial++}`));
  await applyLayer(source, { staging, format: layerFormat, lowers: async () => [...lowers] });
  return staging;
}

/** A stored layer's tree. */
function view(layer: string): string {
  return opened.use(openTree(layer)).path;
}

async function unpack(file: string): Promise<string> {
  return view(await store(Bun.file(file).stream()));
}

describe("an archive of a whole system unpacks as GNU tar unpacks it", () => {
  const system = makeSystem(newDirectory());
  for (const [name, options] of [
    ["gnu", ["--format=gnu"]],
    ["oldgnu", ["--format=oldgnu"]],
    ["posix", ["--format=posix"]],
    ["posix with attributes", ["--format=posix", "--xattrs"]],
    ["gnu sparse", ["--format=gnu", "--sparse"]],
    ["posix sparse 0.0", ["--format=posix", "--sparse", "--sparse-version=0.0"]],
    ["posix sparse 0.1", ["--format=posix", "--sparse", "--sparse-version=0.1"]],
    ["posix sparse 1.0", ["--format=posix", "--sparse", "--sparse-version=1.0"]],
    ["gzip, as one block stream", ["--format=gnu", "--gzip", "--blocking-factor=200"]],
  ] as const) {
    test(name, async () => {
      const file = join(scratch.path, `system-${serial++}.tar`);
      await mustRun(["tar", "-C", await system, "--numeric-owner", ...options, "-cf", file, "."]);
      const theirs = newDirectory();
      await mustRun(["tar", "-C", theirs, "--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf", file]);
      const [ours, wanted] = [listTree(await unpack(file)), listTree(theirs)];
      expect(ours.size).toBeGreaterThan(100);
      expect([...ours]).toEqual([...wanted]);
    });
  }
});

/** What is compared with umoci: it has no nanoseconds for some, and times of directories that no layer lists are nobody's. */
function comparable(tree: Map<string, Item>, implicit: ReadonlySet<string>): [string, Partial<Item>][] {
  return [...tree].map(([path, { modified, mode, ...rest }]) => [
    path,
    { ...rest, mode, modified: implicit.has(path) ? "" : modified },
  ]);
}

/** Applies the layers with umoci, and with ours as an overlay; both trees. */
async function both(
  ...layers: (readonly (Member | Buffer)[])[]
): Promise<{ ours: Map<string, Item>; theirs: Map<string, Item> }> {
  const layout = join(newDirectory(), "layout");
  await mustRun(["umoci", "init", "--layout", layout]);
  await mustRun(["umoci", "new", "--image", `${layout}:latest`]);
  const lowers: string[] = [];
  for (const members of layers) {
    const file = join(scratch.path, `layer-${serial++}.tar`);
    writeFileSync(file, archive(...members));
    await mustRun(["umoci", "raw", "add-layer", "--image", `${layout}:latest`, file]);
    lowers.unshift(await store(chunks(archive(...members)), lowers));
  }
  const rootfs = join(newDirectory(), "rootfs");
  await mustRun(["umoci", "raw", "unpack", "--image", `${layout}:latest`, rootfs]);
  // Two layers at least: a single one is not merged.
  using snapshot = mountSnapshot({ lowers: [...lowers, newDirectory()] });
  return { ours: listTree(`/proc/self/fd/${snapshot.number}/.`), theirs: listTree(rootfs) };
}

const at = 1_600_000_000;
const base: Member[] = [
  { name: "./", type: "5", mode: 0o755, mtime: at },
  { name: "bin/", type: "5", mode: 0o755, mtime: at },
  { name: "bin/tool", data: "tool", mode: 0o4755, mtime: at },
  { name: "bin/alias", type: "1", link: "bin/tool" },
  { name: "etc/", type: "5", mode: 0o750, uid: 1, gid: 2, mtime: at },
  { name: "etc/one", data: "1", mtime: at },
  { name: "etc/two", data: "2", mtime: at },
  { name: "etc/sub/", type: "5", mode: 0o700, uid: 3, mtime: at },
  { name: "etc/sub/three", data: "3", uid: 3, mtime: at },
  { name: "var/", type: "5", mtime: at, mode: 0o755 },
  { name: "var/link", type: "2", link: "/etc/one", mtime: at },
  { name: "var/spool/", type: "5", mode: 0o1777, mtime: at },
  { name: "var/spool/job", data: "job", mtime: at },
];

describe("layers on top of each other are what umoci makes of them", () => {
  for (const [name, layers, implicit] of [
    ["a base with a whiteout of nothing", [[...base, { name: "etc/.wh.never" }]], []],
    [
      "removed files, directories and links",
      [base, [{ name: "etc/.wh.one" }, { name: ".wh.var" }, { name: "bin/.wh.alias" }]],
      ["etc", "bin", ""],
    ],
    [
      "an opaque directory",
      [
        base,
        [
          { name: "etc/", type: "5", mtime: at },
          { name: "etc/.wh..wh..opq" },
          { name: "etc/new", mtime: at },
        ],
      ],
      [""],
    ],
    [
      "a directory that is removed and comes again",
      [
        base,
        [{ name: ".wh.etc" }],
        [
          { name: "etc/", type: "5", mtime: at },
          { name: "etc/fresh", mtime: at },
        ],
      ],
      [""],
    ],
    [
      "files for directories and directories for files",
      [
        base,
        [
          { name: "etc", data: "file", mtime: at },
          { name: "bin/tool/", type: "5", mtime: at },
          { name: "bin/tool/x", mtime: at },
        ],
      ],
      ["", "bin"],
    ],
    [
      "directories that the upper layer does not list",
      [
        base,
        [
          { name: "etc/sub/four", data: "4", mtime: at },
          { name: "var/spool/job", data: "again", mtime: at },
        ],
      ],
      ["", "etc", "etc/sub", "var", "var/spool"],
    ],
    [
      "whiteouts in a directory that only one layer has",
      [
        [
          ...base,
          { name: "alone/", type: "5", mtime: at },
          { name: "alone/x", mtime: at },
          { name: "alone/.wh.y" },
        ],
        [{ name: "other", mtime: at }],
      ],
      [""],
    ],
    [
      "metadata of a directory changed",
      [base, [{ name: "etc/", type: "5", mode: 0o711, uid: 9, mtime: at + 5 }]],
      [""],
    ],
  ] as readonly [string, Member[][], string[]][]) {
    test(name, async () => {
      const { ours, theirs } = await both(...layers);
      const skip = new Set(implicit);
      expect(comparable(ours, skip)).toEqual(comparable(theirs, skip));
    });
  }

  test("an opaque root hides all layers below", async () => {
    const layer = [
      { name: "./", type: "5", mtime: at },
      { name: ".wh..wh..opq" },
      { name: "only", mtime: at },
    ];
    const { ours } = await both(base, layer);
    expect([...ours.keys()]).toEqual(["", "only"]);
  });
});

describe("with layers below", () => {
  async function stack(...layers: Member[][]): Promise<string[]> {
    const lowers: string[] = [];
    for (const members of layers) {
      lowers.unshift(await store(chunks(archive(...members)), lowers));
    }
    return lowers;
  }

  test("copies what links name in a layer below, once, with all it is", async () => {
    const pax = {
      mtime: "1600000000.5",
      "SCHILY.xattr.user.a": "b",
      "SCHILY.xattr.security.capability": Buffer.from("0100000200040000000000000000000000000000", "hex"),
    };
    const [top = ""] = await stack(
      [
        { name: "usr/tool", data: "x".repeat(300_000), mode: 0o6755, uid: 1, gid: 2, pax },
        { name: "lnk", type: "2", link: "/usr" },
        { name: "usr/dev", type: "3", major: 1, minor: 5, mode: 0o620 },
        { name: "usr/sym", type: "2", link: "tool", uid: 6 },
      ],
      [
        { name: "d/", type: "5", mtime: 7 },
        { name: "d/copy", type: "1", link: "usr/tool" },
        { name: "again", type: "1", link: "d/copy" },
        { name: "third", type: "1", link: "lnk/tool" },
        { name: "device", type: "1", link: "usr/dev" },
        { name: "symlink", type: "1", link: "usr/sym" },
      ],
    );
    const tree = listTree(view(top));
    expect(tree.get("d/copy")).toMatchObject({
      mode: "6755",
      owner: "1:2",
      modified: "1600000000.500000000",
      links: ["again", "d/copy"],
    });
    expect(tree.get("d/copy")?.xattrs).toHaveProperty(["user.a"], "b");
    expect(tree.get("d/copy")?.xattrs).toHaveProperty(["security.capability"]);
    expect(tree.get("third")?.content).toBe(tree.get("d/copy")?.content ?? "");
    expect(tree.get("d")?.modified).toBe("7.000000000");
    expect(tree.get("device")).toMatchObject({ type: "character", content: "1:5", mode: "620" });
    expect(tree.get("symlink")).toMatchObject({ type: "symlink", content: "tool", owner: "6:0" });
  });

  test("gives directories that were not listed what they are below, not what they were further below", async () => {
    const [top = ""] = await stack(
      [
        { name: "a/b/", type: "5", mode: 0o700, uid: 1 },
        { name: "gone/", type: "5", mode: 0o700 },
        { name: "link", type: "2", link: "a" },
      ],
      [
        { name: "a/b/", type: "5", mode: 0o1777, uid: 5, mtime: 11, pax: { "SCHILY.xattr.user.k": "v" } },
        { name: ".wh.gone" },
      ],
      [{ name: "a/b/c/file" }, { name: "gone/file" }, { name: "link/file" }],
    );
    const tree = listTree(view(top));
    expect(tree.get("a/b")).toMatchObject({
      mode: "1777",
      owner: "5:0",
      modified: "11.000000000",
      xattrs: { "user.k": "v" },
    });
    expect(tree.get("a/b/c")).toMatchObject({ mode: "755", owner: "0:0" });
    // Not there below, or no directory.
    expect(tree.get("gone")?.mode).toBe("755");
    expect(tree.get("link")).toMatchObject({ type: "directory", mode: "755" });
  });

  test("gives a root that was not listed what the one below is, but not how that one is stored", async () => {
    const pax = { "SCHILY.xattr.user.k": "v", "SCHILY.xattr.trusted.overlay.nested": "n" };
    const layers = await stack(
      [{ name: "./", type: "5", mode: 0o1750, uid: 5, mtime: 11, pax }, { name: ".wh.never" }],
      [{ name: "file" }],
    );
    const [top, base] = layers.map((layer) => listTree(view(layer)).get(""));
    expect(base?.xattrs).toHaveProperty(["trusted.overlay.origin"]);
    expect(top).toMatchObject({ mode: "1750", owner: "5:0", modified: "11.000000000" });
    expect(top?.xattrs).toEqual({ "user.k": "v", "trusted.overlay.overlay.nested": "n" });
  });

  test("refuses a link to what no layer has, by name", async () => {
    await expect(stack([{ name: "a" }], [{ name: "l", type: "1", link: "b" }])).rejects.toThrow('entry "l"');
    await expect(stack([{ name: "l", type: "1", link: "b" }])).rejects.toThrow('entry "l"');
    await expect(
      stack([{ name: "b" }], [{ name: ".wh.b" }], [{ name: "l", type: "1", link: "b" }]),
    ).rejects.toThrow('entry "l"');
    // A link of the layer below leads within the layers, not to the host's files.
    await expect(
      stack(
        [{ name: "etc", type: "2", link: "/proc/self/root/etc" }],
        [{ name: "l", type: "1", link: "etc/passwd" }],
      ),
    ).rejects.toThrow('entry "l"');
  });
});

test("an image is sound however full its last block of inodes is", async () => {
  // Inodes lie at multiples of 32 bytes: with these names, the last one ends everywhere around the end of a block.
  for (let padding = 0; padding < 128; padding += 32) {
    for (let count = 45; count < 53; count++) {
      const members = Array.from({ length: count }, (_, i) => ({ name: `p${10 + i}`, type: "6" }));
      using layer = await apply({ name: "p".padEnd(3 + padding), type: "6" }, ...members);
      expect(layer.names.length).toBe(count + 1);
    }
  }
});
