/** The build script as a command. */
import { expect, test } from "bun:test";
import { join } from "node:path";

test("build.ts refuses a target that it does not know", () => {
  const script = join(import.meta.dir, "../../build.ts");
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, script, "--target", "linux-riscv64"]);
  expect([exitCode, stderr.toString()]).toEqual([
    1,
    'Error: unknown target "linux-riscv64": use one of linux-x64, linux-arm64, linux-x64-musl, linux-arm64-musl\n',
  ]);
});
