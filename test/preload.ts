/** Makes the shim before the first test runs, when it is missing or older than its sources; stops what tests share. */
import { afterAll } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { buildShim } from "../ffi/compile.ts";
import { stopSharedRegistry } from "./fixtures/shared-registry.ts";

if (existsSync(join(import.meta.dir, "../ffi/shim/main.c"))) buildShim();

// Once, after the last file: no test file knows that it is the last.
afterAll(stopSharedRegistry);
