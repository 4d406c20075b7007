/** The roots are made for us alone, and nobody else's directory is taken for one. */
import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepareRoots } from "../../../src/engine/roots.ts";

const directory = mkdtempSync(join(tmpdir(), "currunt-roots-"));
afterAll(() => rmSync(directory, { recursive: true }));

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

test("prepareRoots() closes the data root to others, also one that is there and empty", () => {
  const roots = { data: join(directory, "data"), run: join(directory, "run") };
  mkdirSync(join(roots.data, "lost+found"), { recursive: true });
  chmodSync(roots.data, 0o755);
  for (const _ of ["new", "begun by one who was killed"]) {
    prepareRoots(roots);
    expect([modeOf(roots.data), modeOf(join(roots.data, "layers")), modeOf(roots.run)]).toEqual([
      "700",
      "700",
      "711",
    ]);
  }
});

test("prepareRoots() refuses a directory with other things, and leaves it as it is", () => {
  const data = join(directory, "home");
  mkdirSync(join(data, "alice"), { recursive: true });
  writeFileSync(join(data, "layers"), "");
  chmodSync(data, 0o755);
  expect(() => prepareRoots({ data, run: join(directory, "run") })).toThrow(/home" as data root.*"alice"/);
  expect(modeOf(data)).toBe("755");
});
