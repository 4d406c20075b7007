/** Any number of containers side by side: each is right, and the index is true after each. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Currunt, useCurrunt } from "../fixtures/currunt.ts";

const file = useCurrunt();
const many = 30;

/** The index must be a sound database whatever happened before. */
function expectSoundIndex(currunt: Currunt): void {
  using database = new Database(join(currunt.data, "index.db"), { readonly: true });
  expect(database.query("pragma integrity_check").values()).toEqual([["ok"]]);
}

describe("many at once", () => {
  test(`${many} in the foreground each have their own output and exit code`, async () => {
    const runs = Array.from({ length: many }, (_, index) =>
      file.current.inside(`echo number ${index}; exit ${index}`, "-hostname", `host-${index}`),
    );
    for (const [index, { code, stdout, stderr }] of (await Promise.all(runs)).entries()) {
      expect({ code, stdout, stderr }).toEqual({ code: index, stdout: `number ${index}\n`, stderr: "" });
    }
    expect(await file.current.ok("ps", "-aq")).toBe("");
    expectSoundIndex(file.current);
  }, 120_000);

  test(`${many} detached are all listed, all stop, and one rm removes them`, async () => {
    const starts = Array.from({ length: many }, (_, index) =>
      file.current.detached(
        ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"],
        "-name",
        `many-${index}`,
      ),
    );
    const ids = await Promise.all(starts);
    expect(new Set(ids).size).toBe(many);
    expect((await file.current.ok("ps", "-quiet")).split("\n")).toHaveLength(many);
    await Promise.all(ids.map((id) => file.current.ok("exec", id, "true")));
    await file.current.ok("rm", "-force", ...ids);
    expect(await file.current.ok("ps", "-aq")).toBe("");
    expect(await file.current.remaining()).toEqual([]);
    expectSoundIndex(file.current);
  }, 120_000);

  test("containers that are removed side by side do not hinder each other", async () => {
    for (let round = 0; round < 8; round++) {
      const ids = await Promise.all([1, 2, 3, 4].map(() => file.current.detached(["sleep", "1000"])));
      await Promise.all(ids.map((id) => file.current.ok("rm", "-force", id)));
    }
    expect(await file.current.leftovers()).toEqual([]);
  }, 60_000);

  test("the same name asked for by many is given to one", async () => {
    const image = await file.current.image();
    const runs = Array.from({ length: 10 }, () =>
      file.current.run(["run", "-detach", "-network", "none", "-name", "only", image, "sleep", "1000"]),
    );
    const codes = (await Promise.all(runs)).map(({ code }) => code);
    expect(codes.filter((code) => code === 0)).toHaveLength(1);
    expect(codes.filter((code) => code === 125)).toHaveLength(9);
    await file.current.ok("rm", "-force", "only");
    expect(await file.current.leftovers()).toEqual([]);
  });

  test("many first runs pull the same image, and it is stored once", async () => {
    await using fresh = await Currunt.create();
    const image = await fresh.image();
    const runs = Array.from({ length: 8 }, (_, index) =>
      fresh.run(["run", "-rm", "-network", "none", image, "echo", String(index)]),
    );
    for (const [index, { code, stdout }] of (await Promise.all(runs)).entries()) {
      expect({ code, stdout }).toEqual({ code: 0, stdout: `${index}\n` });
    }
    expect((await fresh.ok("images", "-quiet")).split("\n")).toHaveLength(1);
    expectSoundIndex(fresh);
  });
});
