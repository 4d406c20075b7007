/** A layer's archive, made again from its files and its tar-split: the same bytes. */
import { afterAll, describe, expect, test } from "bun:test";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { explain } from "../../src/base/error.ts";
import { openDatabase } from "../../src/engine/database.ts";
import { prepareRoots } from "../../src/engine/roots.ts";
import { archiveSize, layerArchive } from "../../src/image/layer-archive.ts";
import { ImageStore } from "../../src/image/store.ts";
import { unpackLayer } from "../../src/image/unpack.ts";
import { archive, longName, oldSparseFields } from "../fixtures/archive.ts";
import { chunks, layerFormat, Scratch, streamFrom } from "../fixtures/layer.ts";
import { mustRun } from "../fixtures/process.ts";
import { writeTree } from "../fixtures/tree.ts";

const scratch = new Scratch();
afterAll(() => scratch[Symbol.dispose]());
const roots = { data: join(scratch.path, "data"), run: join(scratch.path, "run") };
prepareRoots(roots);
const store = new ImageStore(await openDatabase(join(roots.data, "index.db")), roots);

function sha256(bytes: Uint8Array): string {
  return `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
}

/** Puts a layer into its place, as a pull does. */
async function unpack(bytes: Buffer, piece?: number): Promise<string> {
  const diffID = sha256(bytes);
  const layer = await unpackLayer(streamFrom(chunks(gzipSync(bytes), piece)), {
    name: "layer",
    staging: store.layerPath(diffID),
    split: store.splitPath(diffID),
    format: layerFormat,
  });
  expect(layer.diffID).toBe(diffID);
  return diffID;
}

function rebuild(id: string): Buffer {
  const copies: Buffer[] = [];
  for (const piece of layerArchive(store, id, id)) copies.push(Buffer.from(piece));
  return Buffer.concat(copies);
}

const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(65536)));

describe("layerArchive()", () => {
  const long = `${"directory/".repeat(12)}${"n".repeat(120)}`;
  const cases: [string, Buffer][] = [
    ["nothing", archive()],
    ["an archive without its end", archive({ name: "a", data: "x" }).subarray(0, 1024)],
    ["garbage after the end", Buffer.concat([archive({ name: "a", data: "x" }), noise])],
    [
      "many files",
      archive(...Array.from({ length: 3000 }, (_, i) => ({ name: `d/${i}`, data: noise.subarray(0, i) }))),
    ],
    ["a large file", archive({ name: "big", data: Buffer.concat(Array(80).fill(noise)) })],
    [
      "padding that is no zeros",
      Buffer.concat([archive({ name: "a", data: "x" }).subarray(0, 600), noise.subarray(0, 424)]),
    ],
    ["extended headers", archive({ name: "a", data: "x", pax: { path: long, "SCHILY.xattr.user.k": "v" } })],
    ["GNU's long names", archive(longName("L", long), { name: "a", data: "yes" })],
    [
      "links, before and after their target",
      archive(
        { name: "first", type: "1", link: "target" },
        { name: "target", data: "content" },
        { name: "second", type: "1", link: "target" },
        { name: "soft", type: "2", link: "target" },
      ),
    ],
    [
      "a file below a linked directory",
      archive(
        { name: "real/", type: "5" },
        { name: "link", type: "2", link: "/real" },
        { name: "link/file", data: "here" },
      ),
    ],
    [
      "whiteouts, one with contents",
      archive(
        { name: ".wh.gone", data: "ignored" },
        { name: "d/.wh..wh..opq" },
        { name: "d/new", data: "n" },
      ),
    ],
    [
      "names that are no UTF-8",
      archive({ name: Buffer.from([0x63, 0xe9]), data: "1" }, { name: "c\u00e9", data: "2" }),
    ],
    ["odd spellings", archive({ name: "./a/../b//c", data: "1" }, { name: "/abs", data: "2" })],
    [
      "a sparse file",
      archive({
        name: "holes",
        type: "S",
        magic: "gnu",
        data: Buffer.concat([noise.subarray(0, 512), noise.subarray(512, 1024)]),
        patch: oldSparseFields(
          [
            [0, 512],
            [100_000, 512],
          ],
          200_000,
        ),
      }),
    ],
  ];
  test.each(cases)("gives back %s", async (_, bytes) => {
    const id = await unpack(bytes);
    expect(rebuild(id).equals(bytes)).toBe(true);
    expect(archiveSize(store, id)).toBe(bytes.length);
  });

  test("gives back what arrives a byte at a time", async () => {
    const bytes = archive(
      { name: "a/b", data: noise.subarray(0, 1500) },
      { name: "c", data: "", pax: { comment: "x" } },
    );
    expect(rebuild(await unpack(bytes, 1)).equals(bytes)).toBe(true);
  });

  test("gives back what GNU tar wrote", async () => {
    const tree = join(scratch.path, "tree");
    await writeTree(tree, {
      "a/b": "1\n",
      "a/hard": { hardLink: "a/b" },
      empty: "",
      big: noise.toString("hex"),
    });
    const file = join(scratch.path, "gnu.tar");
    await mustRun(["tar", "--format=gnu", "-C", tree, "-cf", file, "."]);
    const bytes = readFileSync(file);
    expect(rebuild(await unpack(bytes)).equals(bytes)).toBe(true);
  });

  test("refuses what it cannot make again, and says which", async () => {
    const twice = archive({ name: "a", data: "first" }, { name: "a", data: "other" });
    const id = await unpack(twice);
    expect(() => rebuild(id)).toThrow(id);
    const cut = await unpack(archive({ name: "b", data: "cut" }));
    writeFileSync(store.splitPath(cut), readFileSync(store.splitPath(cut)).subarray(0, -1));
    const message = (() => {
      try {
        return String(rebuild(cut).length);
      } catch (error) {
        return explain(error);
      }
    })();
    expect(message).toContain("cut short");
  });

  test.skipIf(layerFormat === "erofs")("notices a file that has changed", async () => {
    const id = await unpack(archive({ name: "a", data: "x" }));
    writeFileSync(join(store.layerPath(id), "a"), "y");
    expect(() => rebuild(id)).toThrow("it became");
    appendFileSync(join(store.layerPath(id), "a"), "more");
    expect(() => rebuild(id)).toThrow("it became");
  });
});
