/** What is written of errors and warnings: whatever a registry says, it does not drive the terminal. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { plainLine } from "../../../src/cli/progress.ts";

const source = (file: string) => JSON.stringify(join(import.meta.dir, "../../../src", file));
const evil = "linux/\x1b]0;owned\x07\x9b2J\u202eexe";
const harmless = "linux/ ]0;owned 2J exe";

test("report() writes messages and hints without control characters, on lines of their own", () => {
  const program = `
    import { report } from ${source("cli/report.ts")};
    import { CurruntError } from ${source("base/error.ts")};
    const [evil] = process.argv.slice(1);
    report(new CurruntError("invalid", evil, { hint: evil }), { json: false, debug: false });`;
  const { stderr } = Bun.spawnSync([process.execPath, "-e", program, evil]);
  expect(stderr.toString()).toBe(`currunt: ${harmless}\nhint: ${harmless}\n`);
});

test("a pull's warnings are written so too", () => {
  expect(plainLine({ type: "warning", message: evil })).toBe(`warning: ${harmless}`);
});
