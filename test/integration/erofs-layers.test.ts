/** The rules of layers, for layers that are stored as images: the same tests, each image checked by fsck.erofs. */
import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canMountImages } from "../../src/image/erofs-probe.ts";

test.skipIf(!canMountImages(tmpdir()))(
  "layers stored as EROFS images are what directories are",
  () => {
    const files = ["layer-rules", "layer-compare", "layer-escape", "image-compare"].map((name) =>
      join(import.meta.dir, `${name}.test.ts`),
    );
    const child = Bun.spawnSync([process.execPath, "test", "--timeout", "60000", ...files], {
      env: { ...process.env, CURRUNT_TEST_LAYERS: "erofs" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    expect(`${child.stdout}${child.stderr}`).toContain("\n 0 fail\n");
    expect(child.exitCode).toBe(0);
  },
  120_000,
);
