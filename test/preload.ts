/** Makes the shim before the first test runs, when it is missing or older than its sources. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { buildShim } from "../build.ts";

if (existsSync(join(import.meta.dir, "../ffi/shim/main.c"))) buildShim();
