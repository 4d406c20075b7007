/** The index opens, makes its schema once, and refuses what it does not know. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { explain, hintOf } from "../../../src/base/error.ts";
import { openDatabase, relaxDurability } from "../../../src/engine/database.ts";

const directory = mkdtempSync(join(tmpdir(), "currunt-database-"));
afterAll(() => rmSync(directory, { recursive: true }));

test("openDatabase() makes the schema and keeps what is stored", async () => {
  const path = join(directory, "kept.db");
  const first = await openDatabase(path);
  first.run(
    "INSERT INTO containers (id, name, created_at, status, record) VALUES ('a', 'web', 1, 'created', '{}')",
  );
  first.close();
  const second = await openDatabase(path);
  expect(second.query("SELECT name FROM containers").all()).toEqual([{ name: "web" }]);
  second.close();
});

test("openDatabase() by several at once makes one schema", async () => {
  const path = join(directory, "several.db");
  const databases = await Promise.all([openDatabase(path), openDatabase(path), openDatabase(path)]);
  for (const database of databases)
    expect(database.query("SELECT count(*) AS n FROM images").get()).toEqual({ n: 0 });
  for (const database of databases) database.close();
});

test("openDatabase() removes references with their image", async () => {
  const database = await openDatabase(join(directory, "cascade.db"));
  database.run("INSERT INTO images VALUES ('i', 'm', 'linux', 'amd64', NULL, '{}', 1, 1, 1, 0)");
  database.run("INSERT INTO image_references VALUES ('busybox', 'd', 'i')");
  database.run("DELETE FROM images");
  expect(database.query("SELECT * FROM image_references").all()).toEqual([]);
  database.close();
});

test("openDatabase() refuses an index of a newer program", async () => {
  const path = join(directory, "newer.db");
  const database = await openDatabase(path);
  database.run("PRAGMA user_version = 99");
  database.close();
  const error = await openDatabase(path).catch((error: unknown) => error);
  expect(explain(error)).toContain("schema version 99");
  expect(error).toMatchObject({ kind: "unsupported", hint: expect.stringContaining("another -data-root") });
});

test("openDatabase() says what to do about a damaged index, and where one cannot be made", async () => {
  const path = join(directory, "damaged.db");
  writeFileSync(path, "no database, for long enough to be looked at".repeat(100));
  expect(hintOf(await openDatabase(path).catch((error: unknown) => error))).toContain("move it away");
  const nowhere = await openDatabase(join(directory, "no/such/index.db")).catch((error: unknown) => error);
  expect(explain(nowhere)).toMatch(/^open the index ".*no\/such/);
});

test("relaxDurability() switches the synchronous level", async () => {
  const database = await openDatabase(join(directory, "durable.db"));
  const level = () => database.query("PRAGMA synchronous").get();
  expect(level()).toEqual({ synchronous: 2 });
  relaxDurability(database);
  expect(level()).toEqual({ synchronous: 1 });
  database.close();
});

test("many processes may open a new index at once", async () => {
  const module = join(import.meta.dir, "../../../src/engine/database.ts");
  const script = `const { openDatabase } = await import(${JSON.stringify(module)}); await openDatabase(process.argv[1]); process.exit(0);`;
  for (let round = 0; round < 3; round++) {
    const path = join(directory, `many-${round}.db`);
    const children = Array.from({ length: 16 }, () =>
      Bun.spawn([process.execPath, "-e", script, path], { stderr: "pipe" }),
    );
    for (const child of children) expect([await child.exited, await child.stderr.text()]).toEqual([0, ""]);
  }
});
