/** Compiles the C that the sources load before the first test runs, when it is missing or older than its own; stops what tests share. */
import { afterAll } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { buildGunzip, buildShim } from "../ffi/compile.ts";
import { stopSharedRegistry } from "./fixtures/shared-registry.ts";

if (existsSync(join(import.meta.dir, "../ffi/shim/main.c"))) {
  buildShim();
  buildGunzip();
}

// Once, after the last file: no test file knows that it is the last.
afterAll(stopSharedRegistry);
