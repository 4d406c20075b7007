/** `import`: archives of file systems become images that run, from files, pipes and servers. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { archive } from "../fixtures/archive.ts";
import { Currunt } from "../fixtures/currunt.ts";
import { mustRun } from "../fixtures/process.ts";
import { writeBusybox } from "../fixtures/tree.ts";

const scratch = mkdtempSync(join(tmpdir(), "currunt-import-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const tree = join(scratch, "tree");
const plain = join(scratch, "rootfs.tar");

beforeAll(async () => {
  await writeBusybox(tree);
  await mustRun(["tar", "-C", tree, "-cf", plain, "."]);
  await mustRun([
    "sh",
    "-c",
    `gzip -c "$1" > "$1.gz"; zstd -q -c "$1" > "$1.zst"; xz -c "$1" > "$1.xz"`,
    "sh",
    plain,
  ]);
});

const run = ["run", "-rm", "-network", "none", "-pull", "never"];

describe("import", () => {
  test.each(["", ".gz", ".zst"])("makes an image of an archive%s that runs", async (suffix) => {
    await using currunt = await Currunt.create();
    const change = [
      'CMD ["echo", "from the command"]',
      "ENV COLOUR=blue",
      "LABEL stage=test",
      "WORKDIR /bin",
    ];
    const flags = change.flatMap((text) => ["-change", text]);
    const id = await currunt.ok(
      "import",
      "-quiet",
      ...flags,
      "-message",
      "by hand",
      `${plain}${suffix}`,
      "mine:1",
    );
    expect(id).toMatch(/^sha256:[a-f0-9]{64}$/);
    expect(await currunt.ok(...run, "mine:1")).toBe("from the command");
    expect(await currunt.ok(...run, "mine:1", "sh", "-c", "echo $COLOUR; pwd")).toBe("blue\n/bin");
    expect(await currunt.ok("images", "-q", "-no-trunc", "-filter", "label=stage=test")).toBe(id);
    expect(await currunt.ok("history", "-format", "{{.Comment}}", "mine:1")).toBe("by hand");
    expect(await currunt.ok("system", "check", "-quiet")).toBe("");
    await currunt.ok("save", "-output", join(scratch, "saved.tar"), "mine:1");
    await currunt.ok("rmi", "mine:1");
    await currunt.ok("load", "-quiet", join(scratch, "saved.tar"));
    expect(await currunt.ok(...run, "mine:1")).toBe("from the command");
  });

  test("reads standard input, and gives no name when none is asked for", async () => {
    await using currunt = await Currunt.create();
    const script = `tar -C "$1" -c . | "$2" import -quiet -platform linux/arm64 -`;
    const id = (
      await mustRun(["sh", "-c", script, "sh", tree, currunt.program], { env: currunt.env })
    ).trim();
    expect(await currunt.ok("images", "-no-trunc", "-format", "{{.ID}} {{.Repository}} {{.Platform}}")).toBe(
      `${id} <none> linux/arm64`,
    );
  });

  test("reads from a server", async () => {
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: ({ url }) =>
        url.endsWith("/rootfs") ? new Response(Bun.file(`${plain}.gz`)) : new Response("", { status: 404 }),
    });
    try {
      await using currunt = await Currunt.create();
      await currunt.ok("import", "-quiet", `http://127.0.0.1:${server.port}/rootfs`, "served");
      expect(await currunt.ok(...run, "served", "echo", "works")).toBe("works");
      const missing = await currunt.run(["import", "-quiet", `http://127.0.0.1:${server.port}/nothing`]);
      expect(missing.stderr).toContain("404");
    } finally {
      await server.stop(true);
    }
  });

  const written = (bytes: Uint8Array | string) => {
    const path = join(scratch, crypto.randomUUID());
    writeFileSync(path, bytes);
    return path;
  };
  test.each<[string, () => string[], RegExp]>([
    ["nothing", () => [written("")], /no archive/],
    ["no archive", () => [written("words ".repeat(500))], /checksum/],
    [
      "a cut archive",
      () => [written(gzipSync(archive({ name: "a", data: "x".repeat(9999) })).subarray(0, 60))],
      /decompress gzip|cut short/,
    ],
    ["xz, and says what helps", () => [`${plain}.xz`], /xz -dc FILE \| currunt import -/],
    ["a directory, and says what helps", () => [tree], /tar -C/],
    ["a missing file", () => [join(scratch, "absent")], /absent/],
    ["a bad name", () => [plain, "a/Upper"], /lower case/],
    ["a digest for a name", () => [plain, `a@sha256:${"0".repeat(64)}`], /digest cannot be given/],
    ["a wrong change", () => ["-change", "RUN rm -rf /", plain], /no instruction/],
  ])("refuses %s, and leaves nothing", async (_, args, message) => {
    await using currunt = await Currunt.create();
    const { code, stdout, stderr } = await currunt.run(["import", "-quiet", ...args()]);
    expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
    expect(stderr).toMatch(message);
    expect(await currunt.ok("images", "-quiet")).toBe("");
    await currunt.ok("system", "prune", "-force");
    for (const folder of ["layers", "tar-split", "staging"]) {
      expect(readdirSync(join(currunt.data, folder))).toEqual([]);
    }
  });
});
