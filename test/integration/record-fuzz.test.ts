/** A short run of the fuzz target for the shim's reader of plans, with the compiler's sanitizers. */
import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mustRun } from "../fixtures/process.ts";

test("broken records are refused within their bounds", async () => {
  const directory = await mkdtemp(join(tmpdir(), "currunt-record-"));
  try {
    const program = join(directory, "record");
    const flags = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    const root = join(import.meta.dir, "../..");
    const sources = ["test/fuzz/record.c", "ffi/shim/record.c"].map((path) => join(root, path));
    await mustRun(["cc", ...flags, "-o", program, ...sources]);
    const output = await mustRun([program, "2", "1"], { env: { ASAN_OPTIONS: "detect_leaks=0" } });
    expect(output).toContain("nothing found");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
