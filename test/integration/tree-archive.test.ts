/** Archives of trees: read by other tools and by ourselves, they give the same tree again. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { applyLayer } from "../../src/image/apply.ts";
import { mountSnapshot } from "../../src/image/snapshot.ts";
import type { ArchiveOptions, TreeSource } from "../../src/image/tree-archive.ts";
import { archiveTree } from "../../src/image/tree-archive.ts";
import { openDirectory } from "../../src/sys/file.ts";
import { archive } from "../fixtures/archive.ts";
import { chunks, listTree, Scratch } from "../fixtures/layer.ts";
import { mustRun, run } from "../fixtures/process.ts";
import { makeSystem } from "../fixtures/system-tree.ts";

const scratch = new Scratch();
afterAll(() => scratch[Symbol.dispose]());
let serial = 0;

function newDirectory(): string {
  const path = join(scratch.path, `${serial++}`);
  mkdirSync(path);
  return path;
}

/** The archive of `directory` in one piece. */
function archiveOf(
  directory: string,
  source: Omit<TreeSource, "content"> = {},
  options: ArchiveOptions = {},
): Buffer {
  using content = openDirectory(directory);
  return Buffer.concat([...copies({ content, ...source }, options)]);
}

/** Each piece is valid until the next only. */
function* copies(source: TreeSource, options: ArchiveOptions): Generator<Buffer> {
  for (const piece of archiveTree(source, options)) yield Buffer.from(piece);
}

async function apply(bytes: Uint8Array): Promise<string> {
  const staging = newDirectory();
  await applyLayer(chunks(bytes), { staging });
  return staging;
}

/** The system with what GNU tar's tests had no use for: capabilities, ACLs, attributes, more kinds of several names. */
async function makeAll(): Promise<string> {
  const root = await makeSystem(newDirectory());
  const script = `
    set -e; cd "$0"
    python3 - <<PY
import os
os.setxattr("etc/passwd", "user.note", b"a=b")
os.setxattr("bin/busybox", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
acl = bytes.fromhex("02000000" "01000600ffffffff" "02000400e8030000" "04000400ffffffff" "10000400ffffffff" "20000400ffffffff")
os.setxattr("etc/hostname", "system.posix_acl_access", acl)
os.setxattr("var/log", "system.posix_acl_default", acl)
os.setxattr("var/log", "user.binary", bytes(range(256)))
PY
    ln -P usr/dangling usr/dangling-too; ln run/pipe run/pipe-too; ln dev/null dev/zero-too
    truncate -s 40M usr/nothing; truncate -s 40M usr/late; printf end >> usr/late
  `;
  await mustRun(["bash", "-c", script, root]);
  return root;
}

const system = makeAll();

describe("the archive of a whole system", () => {
  test("unpacks with GNU tar to the same tree", async () => {
    const file = join(scratch.path, "system.tar");
    writeFileSync(file, archiveOf(await system));
    const theirs = newDirectory();
    const flags = ["--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf", file];
    const { code, stderr } = await run(["tar", "-C", theirs, ...flags]);
    expect(code).toBe(0);
    expect(stderr).not.toContain("Ignoring");
    expect([...listTree(theirs)]).toEqual([...listTree(await system)]);
  });

  test("unpacks with our own layer code to the same tree, which gives the same archive", async () => {
    const bytes = archiveOf(await system);
    const ours = await apply(bytes);
    expect([...listTree(ours)]).toEqual([...listTree(await system)]);
    expect(archiveOf(ours).equals(bytes)).toBe(true);
  });

  test("unpacks with umoci to the same tree", async () => {
    const file = join(scratch.path, "umoci.tar");
    writeFileSync(file, archiveOf(await system));
    const layout = join(newDirectory(), "layout");
    await mustRun(["umoci", "init", "--layout", layout]);
    await mustRun(["umoci", "new", "--image", `${layout}:latest`]);
    await mustRun(["umoci", "raw", "add-layer", "--image", `${layout}:latest`, file]);
    const rootfs = join(newDirectory(), "rootfs");
    await mustRun(["umoci", "raw", "unpack", "--image", `${layout}:latest`, rootfs]);
    expect([...listTree(rootfs)]).toEqual([...listTree(await system)]);
  });

  test("is read by python's tarfile", async () => {
    const file = join(scratch.path, "python.tar");
    writeFileSync(file, archiveOf(await system));
    const names = await mustRun([
      "python3",
      "-c",
      "import sys,tarfile; print(len(tarfile.open(sys.argv[1]).getnames()))",
      file,
    ]);
    expect(Number(names)).toBe(listTree(await system).size);
  });

  test("keeps large holes as holes", async () => {
    const bytes = archiveOf(await system);
    expect(bytes.length).toBeLessThan(30 << 20);
    const ours = await apply(bytes);
    const blocks = await mustRun(["stat", "-c", "%b", join(ours, "usr/nothing")]);
    expect(Number(blocks)).toBe(0);
  });
});

test("a socket is left out", async () => {
  const root = newDirectory();
  await mustRun(["python3", "-c", `import socket; socket.socket(socket.AF_UNIX).bind("${root}/socket")`]);
  writeFileSync(join(root, "file"), "");
  expect([...listTree(await apply(archiveOf(root))).keys()]).toEqual(["", "file"]);
});

test("a file that becomes shorter while it is read is filled up, with a warning", async () => {
  const root = newDirectory();
  const path = join(root, "log");
  writeFileSync(path, Buffer.alloc(600_000, "x"));
  const warnings: string[] = [];
  using content = openDirectory(root);
  const pieces: Buffer[] = [];
  for (const piece of archiveTree({ content }, { warn: (message) => warnings.push(message) })) {
    if (pieces.length === 0) writeFileSync(path, "");
    pieces.push(Buffer.from(piece));
  }
  expect(warnings).toEqual(['"log" became shorter while it was read: its end is filled with zeros']);
  const tree = listTree(await apply(Buffer.concat(pieces)));
  expect([...tree.keys()]).toEqual(["", "log"]);
});

test("what is below a path that is left out is left out too", async () => {
  const root = newDirectory();
  await mustRun(["sh", "-c", `cd ${root}; mkdir -p a/b c; touch a/b/d a/e c/f`]);
  const bytes = archiveOf(root, {}, { omit: new Set(["a/b", "c/f"]) });
  expect([...listTree(await apply(bytes)).keys()]).toEqual(["", "a", "a/e", "c"]);
});

describe("a stored layer", () => {
  test("gives back whiteouts and opaque directories", async () => {
    const stored = await apply(
      archive(
        { name: "./", type: "5", mode: 0o755 },
        { name: "data/", type: "5", mode: 0o755 },
        { name: "data/.wh.gone", mode: 0 },
        { name: "opaque/", type: "5", mode: 0o700 },
        { name: "opaque/.wh..wh..opq", mode: 0 },
        { name: "opaque/new", data: "new" },
        { name: ".wh.removed", mode: 0 },
      ),
    );
    const bytes = archiveOf(stored, { form: "layer" });
    const file = join(scratch.path, "marks.tar");
    writeFileSync(file, bytes);
    const names = (await mustRun(["tar", "-tf", file])).trim().split("\n");
    expect(names).toEqual([
      "./",
      "data/",
      "data/.wh.gone",
      "opaque/",
      "opaque/.wh..wh..opq",
      "opaque/new",
      ".wh.removed",
    ]);
    // A whiteout's own time is that of its making.
    const comparable = (path: string) =>
      [...listTree(path)].map(([name, item]) => (item.content === "0:0" ? [name, "whiteout"] : [name, item]));
    expect(comparable(await apply(bytes))).toEqual(comparable(stored));
  });

  test("gives back attributes that look like overlayfs's own", async () => {
    const stored = await apply(
      archive({ name: "file", pax: { "SCHILY.xattr.trusted.overlay.opaque": "y" } }),
    );
    expect(archiveOf(stored, { form: "layer" }).includes("SCHILY.xattr.trusted.overlay.opaque=y\n")).toBe(
      true,
    );
    expect(archiveOf(stored, { form: "layer" }).includes("overlay.overlay")).toBe(false);
  });
});

describe("changes in an overlay", () => {
  /** A lower tree, and what `script` makes of it in an overlay; the archive of the changes alone. */
  async function changesOf(
    script: string,
  ): Promise<{ lower: string; bytes: Buffer; wanted: ReturnType<typeof listTree> }> {
    const [lower, upper, work] = [newDirectory(), newDirectory(), newDirectory()];
    const before = `cd "$0"; mkdir -p keep old/deep gone opaque; echo 1 > keep/one; echo 2 > old/two; echo 3 > old/deep/three
      echo 4 > gone/four; echo 5 > opaque/five; ln keep/one keep/alias; echo 6 > file; chmod 700 keep`;
    await mustRun(["sh", "-ec", before, lower]);
    using snapshot = mountSnapshot({ lowers: [lower], upper, work });
    await mustRun(["sh", "-ec", `cd /proc/${process.pid}/fd/${snapshot.number}/; ${script}`]);
    using changes = openDirectory(upper);
    using content = openDirectory(`/proc/self/fd/${snapshot.number}/.`);
    const bytes = Buffer.concat([...copies({ content, changes }, {})]);
    return { lower, bytes, wanted: listTree(`/proc/self/fd/${snapshot.number}/.`) };
  }

  test.each([
    ["files made, changed and removed", "echo new > new; echo more >> file; rm keep/one; rm -r gone"],
    ["a directory that is made anew", "rm -r opaque; mkdir opaque; echo 7 > opaque/seven"],
    ["a directory that is renamed", "mv old new-place; echo 8 > new-place/eight; rm new-place/two"],
    ["a directory renamed into another's place", "rm -r opaque; mv old opaque"],
    ["a directory renamed into a new one", "mkdir parent; mv old/deep parent/deep; rm -r old"],
    ["a name that becomes something else", "rm file; mkdir file; rm -r gone; echo > gone"],
    ["attributes alone", "chmod 711 keep; chown 5:6 file; touch -d @5 old"],
    ["a second name for an old file", "ln file file-too"],
  ])("%s: over the lower tree they give what was there", async (_, script) => {
    const { lower, bytes, wanted } = await changesOf(script);
    const layer = await apply(bytes);
    using snapshot = mountSnapshot({ lowers: [layer, lower] });
    const ours = listTree(`/proc/self/fd/${snapshot.number}/.`);
    expect([...ours]).toEqual([...wanted]);
  });

  test("what was not touched is not in the archive", async () => {
    const { bytes } = await changesOf("echo new > keep/new");
    expect([...listTree(await apply(bytes)).keys()]).toEqual(["", "keep", "keep/new"]);
  });

  test("a whiteout that is an attribute is one too", async () => {
    const [upper, content] = [newDirectory(), newDirectory()];
    await mustRun([
      "python3",
      "-c",
      `
import os
open("${upper}/gone", "w").close(); open("${upper}/file", "w").close(); open("${content}/file", "w").close()
os.setxattr("${upper}/gone", "trusted.overlay.whiteout", b""); os.setxattr("${upper}", "trusted.overlay.opaque", b"x")`,
    ]);
    using changes = openDirectory(upper);
    const bytes = archiveOf(content, { changes });
    const file = join(scratch.path, "attribute.tar");
    writeFileSync(file, bytes);
    expect((await mustRun(["tar", "-tf", file])).trim().split("\n")).toEqual(["./", "file", ".wh.gone"]);
  });
});

test("a tree that is changed all the time is archived without a name from outside of it", async () => {
  const root = newDirectory();
  writeFileSync(join(scratch.path, "secret"), "outside");
  const script = `cd "$0"; while :; do
    mkdir swap 2>/dev/null && echo inside > swap/secret; rm -rf swap; ln -s "$1" swap; rm -f swap
    echo inside > file; rm -f file; mkfifo file; rm -f file; ln -s "$1/secret" file; rm -f file; done`;
  const busy = Bun.spawn(["sh", "-c", script, root, scratch.path], { stdout: "ignore", stderr: "ignore" });
  try {
    // Both halves of the dance are met, however busy the machine is.
    let [met, missed] = [0, 0];
    while (met < 50 || missed < 50) {
      const bytes = archiveOf(root);
      expect(bytes.includes("outside")).toBe(false);
      if (bytes.includes("inside")) met++;
      else missed++;
    }
  } finally {
    busy.kill("SIGKILL");
    await busy.exited;
  }
});
