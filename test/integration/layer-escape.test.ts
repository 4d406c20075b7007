/** Archives that try to reach out of the layer: by names, links, whiteouts and what was there before. None may touch what lies outside. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { explain } from "../../src/base/error.ts";
import { applyLayer } from "../../src/image/apply.ts";
import { LayerWriter } from "../../src/image/layer.ts";
import { LayerDirectory } from "../../src/image/layer-directory.ts";
import { TarParser } from "../../src/image/tar.ts";
import type { Member } from "../fixtures/archive.ts";
import { archive, member } from "../fixtures/archive.ts";
import type { Item } from "../fixtures/layer.ts";
import { chunks, layerFormat, listTree, openTree, prepareStaging, Scratch } from "../fixtures/layer.ts";

interface Outcome {
  /** The failure, if it was one. */
  readonly error: string | undefined;
  readonly tree: Map<string, Item>;
}

/** A file system with something to steal beside the layer: fails when that is touched, whatever becomes of the layer. */
async function attempt(...members: (Member | Buffer)[]): Promise<Outcome> {
  using scratch = new Scratch();
  const [outside, staging] = [join(scratch.path, "outside"), join(scratch.path, "layer")];
  mkdirSync(join(outside, "directory"), { recursive: true });
  prepareStaging(staging);
  writeFileSync(join(outside, "secret"), "untouched", { mode: 0o600 });
  symlinkSync("secret", join(outside, "link"));
  const before = listTree(outside);
  let error: string | undefined;
  // Archives name the place by its path on this host: what a link to it says inside is another place.
  const named = members.map((one) =>
    Buffer.isBuffer(one)
      ? one
      : { ...one, ...place("name", one.name, outside), ...place("link", one.link, outside) },
  );
  try {
    await applyLayer(chunks(archive(...named)), { staging, format: layerFormat });
  } catch (failure) {
    error = explain(failure);
  }
  expect(listTree(outside)).toEqual(before);
  // Of an image that is not finished there is nothing to be seen.
  using opened = error !== undefined && layerFormat === "erofs" ? undefined : openTree(staging);
  const tree = opened === undefined ? new Map() : listTree(opened.path);
  for (const item of tree.values()) expect(item.content).not.toBe("untouched");
  return { error, tree };
}

function place(key: "name" | "link", value: Member["name"], outside: string): Record<string, string> {
  return typeof value === "string" && value.includes("OUTSIDE")
    ? { [key]: value.replace("OUTSIDE", outside) }
    : {};
}

const outside = "OUTSIDE";

describe("links that lead out", () => {
  for (const [how, link] of [
    ["absolute", outside],
    ["relative", "../outside"],
    ["relative with a detour", "x/../../outside"],
    ["through many parents", `${"../".repeat(40)}OUTSIDE`],
    ["with the magic of /proc", "/proc/self/root/OUTSIDE"],
    ["by descriptor", "/proc/self/fd/3"],
    ["by working directory", "/proc/self/cwd"],
  ] as const) {
    test(`${how}: a file behind them`, async () => {
      const { tree } = await attempt({ name: "l", type: "2", link }, { name: "l/secret", data: "owned" });
      expect(tree.get("l")?.type).toBe("symlink");
      expect([...tree.values()].filter(({ content }) => content === "owned")).toHaveLength(1);
    });

    test(`${how}: a directory, a device, a link, a whiteout behind them`, async () => {
      const head = { name: "l", type: "2", link };
      await attempt(head, { name: "l/directory/", type: "5", mode: 0o777, uid: 99 });
      await attempt(head, { name: "l/new/", type: "5" });
      await attempt(head, { name: "l/null", type: "3", major: 1, minor: 3 });
      await attempt(head, { name: "l/s", type: "2", link: "x" });
      await attempt(head, { name: "l/.wh.secret" });
      await attempt(head, { name: "l/.wh..wh..opq" });
      await attempt(head, { name: "l/directory/.wh..wh..opq" });
    });

    test(`${how}: in place of a directory, a file, the last component`, async () => {
      const head = { name: "l", type: "2", link };
      await attempt({ name: "l/", type: "5" }, { name: "l/a" }, head, { name: "l/secret", data: "owned" });
      await attempt(head, { name: "l/", type: "5", mode: 0o777, uid: 99 });
      await attempt(head, { name: "l", data: "owned" }, { name: "l/secret", data: "owned" });
      await attempt({ name: "f", type: "2", link: `${link}/secret` }, { name: "f", data: "owned" });
      await attempt({ name: "f", type: "2", link: `${link}/new` }, { name: "f", data: "owned" });
    });
  }

  test("in chains", async () => {
    await attempt(
      { name: "a", type: "2", link: "b" },
      { name: "b", type: "2", link: "c/d" },
      { name: "c/", type: "5" },
      { name: "c/d", type: "2", link: "../.." },
      { name: "a/outside/secret", data: "owned" },
    );
    await attempt(
      { name: "x/y/", type: "5" },
      { name: "x/up", type: "2", link: "y/../../.." },
      { name: "x/up/outside/secret", data: "owned" },
      { name: "x/up/up/outside/new/", type: "5" },
    );
  });

  test("and get their owner, mode, time and attributes", async () => {
    await attempt({
      name: "l",
      type: "2",
      link: `${outside}/secret`,
      mode: 0o777,
      uid: 99,
      mtime: 1,
      pax: { "SCHILY.xattr.security.x": "y" },
    });
  });
});

/** What the tests of other tools want of links that stay inside, or only look as if they led out: they mean the layer's own files. */
describe("links are resolved inside the layer:", () => {
  const etc: Member[] = [
    { name: "etc/", type: "5" },
    { name: "etc/passwd", data: "inside" },
  ];
  const hard = (link: string, name = "copy") => ({ name, type: "1", link });
  const soft = (name: string, link: string) => ({ name, type: "2", link });
  for (const [name, ...members] of [
    ["absolute", soft("l", "/etc"), hard("/l/passwd")],
    ["absolute, with a detour", { name: "d/", type: "5" }, soft("l", "/d/../etc"), hard("l/passwd")],
    ["relative, from below", soft("d/l", "../../etc"), hard("/d/l/passwd")],
    ["up more often than there are parents", soft("l", "../../../../../../etc"), hard("/l/passwd")],
    ["link to a link to a directory", soft("d/l", "/etc"), soft("m", "./d/l"), hard("m/passwd")],
    ["behind a name with dots", soft("d/sub/..", "/etc"), hard("/etc/passwd", "d/../copy")],
    ["a directory that a link has replaced", { name: "l/", type: "5" }, soft("l", "/etc"), hard("l/passwd")],
    ["before there is a target", hard("l/passwd"), soft("l", "/etc")],
  ] as const) {
    test(name, async () => {
      const { error, tree } = await attempt(...etc, ...members);
      expect(error).toBeUndefined();
      expect(tree.get("etc/passwd")).toMatchObject({ content: "inside", links: ["copy", "etc/passwd"] });
    });
  }

  test("a link takes a directory's place, and a directory a link's", async () => {
    const first = await attempt(
      ...etc,
      { name: "l/", type: "5" },
      soft("l", "/etc"),
      hard("etc/passwd", "l/copy"),
    );
    expect(first.tree.get("etc/passwd")?.links).toEqual(["etc/copy", "etc/passwd"]);
    const second = await attempt(
      ...etc,
      soft("l", "etc"),
      { name: "l/", type: "5" },
      { name: "l/passwd", data: "other" },
    );
    expect([second.tree.get("etc/passwd")?.content, second.tree.get("l/passwd")?.content]).toEqual([
      "inside",
      "other",
    ]);
  });

  test("a file is emptied behind a link, and not doubled", async () => {
    const { tree } = await attempt(...etc, soft("l", "/etc"), { name: "l/passwd", data: "" });
    expect(tree.get("etc/passwd")?.content).toBe("");
  });

  test("a hard link to a link is that link, also when its target comes later", async () => {
    const { tree } = await attempt(soft("l", "/etc/passwd"), hard("l"), ...etc);
    expect(tree.get("copy")).toMatchObject({ type: "symlink", content: "/etc/passwd", links: ["copy", "l"] });
  });

  test("a whiteout takes the link, not what it leads to; below it, what is there", async () => {
    const link = await attempt(...etc, { name: ".wh.l" }, { name: "d/../.wh.gone" });
    expect([link.tree.get("l")?.content, link.tree.get("gone")?.content]).toEqual(["0:0", "0:0"]);
    const below = await attempt(...etc, soft("l", "/etc"), { name: "l/.wh.shadow" });
    expect(below.tree.get("etc/shadow")).toMatchObject({ type: "character", content: "0:0" });
    const nowhere = await attempt(...etc, soft("l", "/nowhere"), { name: "l/.wh.etc" });
    expect(nowhere.tree.get("etc/passwd")?.content).toBe("inside");
    const named = await attempt({ name: ".wh.etc/file", data: "kept" });
    expect(named.tree.get(".wh.etc/file")?.content).toBe("kept");
  });

  test("what would take the root's place is refused", async () => {
    for (const name of ["", ".", "./", "/", "d/.."]) {
      expect((await attempt(...etc, { name: "x/", type: "5" }, { ...soft(name, "/etc") })).error).toContain(
        "the root is a",
      );
    }
  });
});

describe("hard links that lead out", () => {
  test("by name", async () => {
    for (const link of ["../outside/secret", "a/../../outside/secret", "/../outside/secret"]) {
      expect((await attempt({ name: "h", type: "1", link })).error).toContain("leads out of the layer");
    }
    // An absolute name is one within the layer.
    const { error, tree } = await attempt({ name: "h", type: "1", link: `${outside}/secret` });
    expect([error, tree.has("h")]).toEqual([undefined, false]);
  });

  test("through links", async () => {
    const head = { name: "l", type: "2", link: outside };
    expect((await attempt(head, { name: "h", type: "1", link: "l/secret" })).tree.has("h")).toBe(false);
    expect((await attempt(head, { name: "h", type: "1", link: "l/link" })).tree.has("h")).toBe(false);
    // A link to a link is that link again: writing to it replaces it.
    const { tree } = await attempt(
      { name: "s", type: "2", link: `${outside}/secret` },
      { name: "h", type: "1", link: "s" },
      { name: "h", data: "owned" },
      { name: "s", data: "owned" },
    );
    expect([tree.get("h")?.content, tree.get("s")?.content]).toEqual(["owned", "owned"]);
  });

  test("with data of their own", async () => {
    await attempt(
      { name: "s", type: "2", link: `${outside}/secret` },
      { name: "h", type: "1", link: "s", size: 5, data: "" },
      { name: "h", data: "owned" },
    );
  });

  test("that wait for the archive's end, when their way has changed", async () => {
    await attempt(
      { name: "d/h", type: "1", link: "late/secret" },
      { name: "d", type: "2", link: outside },
      { name: "late", type: "2", link: outside },
    );
    await attempt(
      { name: "h", type: "1", link: "d/secret" },
      { name: "d/", type: "5" },
      { name: "d", type: "2", link: outside },
    );
    await attempt(
      { name: "e/h", type: "1", link: "t" },
      { name: "e/", type: "5" },
      { name: "e", type: "2", link: `${outside}/directory` },
      { name: "t", data: "owned" },
    );
  });
});

describe("names that lead out", () => {
  const names = [
    "../outside/secret",
    "/../outside/secret",
    "a/../../outside/secret",
    "./../outside/new",
    "a/b/../../../outside/d/",
  ];
  for (const type of ["0", "1", "2", "3", "5", "6"]) {
    test(`of type ${type}`, async () => {
      for (const name of names) {
        expect((await attempt({ name, type, link: "x", major: 1 })).error).toContain(
          "it leads out of the layer",
        );
      }
    });
  }

  test("of whiteouts", async () => {
    for (const name of [
      "../outside/.wh.secret",
      "../.wh.outside",
      "../outside/.wh..wh..opq",
      "a/../../.wh.outside",
    ]) {
      expect((await attempt({ name })).error).toContain("it leads out of the layer");
    }
    for (const name of [".wh...", "a/.wh...", ".wh..", "a/.wh.."]) {
      expect((await attempt({ name: "a/", type: "5" }, { name })).error).toContain("a whiteout of");
    }
  });

  test("of extended headers", async () => {
    expect((await attempt({ name: "fine", pax: { path: "../outside/secret" } })).error).toContain(
      "leads out",
    );
    expect(
      (await attempt({ name: "fine", type: "1", pax: { linkpath: "../outside/secret" } })).error,
    ).toContain("leads out");
    expect(
      (
        await attempt({
          pax: { "GNU.sparse.name": "../outside/secret", "GNU.sparse.size": "0", "GNU.sparse.map": "" },
        })
      ).error,
    ).toContain("leads out");
  });
});

describe("directories that are replaced", () => {
  test("while their owner, mode and time still wait", async () => {
    const { tree } = await attempt(
      { name: "d/", type: "5", mode: 0o777, uid: 99, mtime: 1 },
      { name: "d/sub/", type: "5", mode: 0o777, uid: 99 },
      { name: "d", type: "2", link: outside },
    );
    expect([...tree.keys()]).toEqual(["", "d"]);
  });

  test("while whiteouts and opaque marks in them still wait", async () => {
    const { error } = await attempt(
      { name: "d/.wh.secret" },
      { name: "d/.wh..wh..opq" },
      { name: "d", type: "2", link: outside },
      { name: "d/.wh.link" },
    );
    expect(error).toBeUndefined();
  });

  test("and are AUFS's store of links", async () => {
    const { tree } = await attempt(
      { name: ".wh..wh.plnk", type: "2", link: outside },
      { name: ".wh..wh.plnk/secret", data: "owned" },
      { name: "h", type: "1", link: ".wh..wh.plnk/secret" },
    );
    expect(tree.has(".wh..wh.plnk")).toBe(false);
  });
});

test("a directory that somebody swaps for a link while the layer is unpacked is not entered", () => {
  using scratch = new Scratch();
  const [target, staging] = [join(scratch.path, "target"), join(scratch.path, "layer")];
  for (const path of [target, staging]) mkdirSync(path);
  using writer = new LayerWriter(
    new LayerDirectory({ path: staging, namespace: "trusted", warn: () => undefined }),
  );
  const parser = new TarParser(writer);
  parser.push(member({ name: "d/", type: "5", mode: 0o777 }));
  rmdirSync(join(staging, "d"));
  symlinkSync(target, join(staging, "d"));
  expect(() => parser.push(member({ name: "d/f", data: "owned" }))).toThrow('entry "d/f"');
  expect(() => writer.finish()).toThrow('entry "d"');
  expect([readdirSync(target), statSync(target).mode & 0o777]).toEqual([[], 0o755]);
});
