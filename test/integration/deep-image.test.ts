/** Images of as many layers as the kernel can stack, and of more. */
import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canMountImages } from "../../src/image/erofs-probe.ts";
import { archive } from "../fixtures/archive.ts";
import { Currunt } from "../fixtures/currunt.ts";
import { Scratch } from "../fixtures/layer.ts";
import type { LayoutServer } from "../fixtures/layout-server.ts";
import { serveLayers } from "../fixtures/layout-server.ts";

/** OVL_MAX_STACK of the kernel's fs/overlayfs/params.h. */
const most = 500;

/** An image of `count` layers: each has a file of its own, one that all have, and removes the file of the layer below. */
async function serve(count: number): Promise<LayoutServer> {
  using scratch = new Scratch();
  const paths = Array.from({ length: count }, (_, i) => {
    const path = join(scratch.path, `${i}.tar`);
    const members = [
      { name: `own-${i}`, data: `${i}` },
      { name: "shared", data: `${i}` },
      ...(i === 0
        ? [{ name: "busybox", data: readFileSync("/bin/busybox"), mode: 0o755 }]
        : [{ name: `.wh.own-${i - 1}` }]),
    ];
    writeFileSync(path, archive(...members));
    return path;
  });
  return await serveLayers(paths);
}

describe(`an image of ${most} layers`, () => {
  const deep = serve(most);
  afterAll(async () => (await deep)[Symbol.asyncDispose]());

  for (const format of ["directory", "erofs"]) {
    test.skipIf(format === "erofs" && !canMountImages(tmpdir()))(
      `pulls, runs and goes again, stored as ${format}`,
      async () => {
        await using currunt = await Currunt.create();
        const { image } = await deep;
        await currunt.ok("pull", "-quiet", "-layer-format", format, image);
        const command = [
          "/busybox",
          "sh",
          "-c",
          "/busybox cat /shared; /busybox ls -d /own-*; echo x > /shared",
        ];
        const { code, stdout, stderr } = await currunt.run([
          "run",
          "-rm",
          "-network",
          "none",
          image,
          ...command,
        ]);
        expect({ code, stdout, stderr }).toEqual({
          code: 0,
          stdout: `${most - 1}/own-${most - 1}\n`,
          stderr: "",
        });
        await currunt.ok("rmi", image);
      },
      60_000,
    );
  }
});

test("an image of more layers is refused before anything is fetched", async () => {
  await using server = await serve(most + 1);
  await using currunt = await Currunt.create();
  const { code, stderr } = await currunt.run(["pull", "-quiet", server.image]);
  expect(code).toBe(125);
  expect(stderr).toContain(`more than ${most} layers`);
  expect(server.requests.filter((path) => path.includes("/blobs/"))).toEqual([]);
}, 60_000);
