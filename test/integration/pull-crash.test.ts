/**
 * Pulls that are killed at random moments, and many at once. `CURRUNT_CRASH_ROUNDS` says how many are killed (12 unless told;
 * a release is tested with 200), `CURRUNT_CRASH_SEED` repeats the moments of an earlier run.
 */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { archive as tar } from "../fixtures/archive.ts";
import { Currunt } from "../fixtures/currunt.ts";
import { FakeRegistry } from "../fixtures/fake-registry.ts";
import { archive, writeBusybox } from "../fixtures/tree.ts";

const rounds = Number(process.env["CURRUNT_CRASH_ROUNDS"] ?? 12);
const seed = Number(process.env["CURRUNT_CRASH_SEED"] ?? Date.now() % 0x1_0000_0000);

let directory = "";
let base: Uint8Array;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "currunt-crash-"));
  const root = join(directory, "root");
  await writeBusybox(root);
  base = readFileSync(await archive(root, join(directory, "root.tar")));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** A layer of a few files of which the first has that many random bytes; its directory is in no archive but this. */
function layer(name: string, bytes: number): Uint8Array {
  const few = Array.from({ length: 20 }, (_, index) => ({
    name: `${name}/${index}`,
    data: `${name} ${index}\n`,
  }));
  return tar(
    { name: `${name}/`, type: "5", mode: 0o755 },
    { name: `${name}/random`, data: randomBytes(bytes) },
    ...few,
  );
}

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
function randomNumbers(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const everything = ["staging", "ingest", "layers", "blobs/sha256"];
const listing = (currunt: Currunt, folder: string) => readdirSync(join(currunt.data, folder));

function expectSoundIndex(currunt: Currunt): void {
  using database = new Database(join(currunt.data, "index.db"), { readonly: true });
  expect(database.query("pragma integrity_check").values()).toEqual([["ok"]]);
}

/** The image is there in whole and runs. */
async function expectWorks(currunt: Currunt, image: string, ...files: string[]): Promise<void> {
  const script = `cat ${files.join(" ")}`;
  const { stdout, stderr, code } = await currunt.run([
    ...["run", "-rm", "-network", "none", "-pull", "never", image, "sh", "-c", script],
  ]);
  const text = files.map((file) => `${file.slice(1).replace("/", " ")}\n`).join("");
  expect({ stdout, stderr, code }).toEqual({ stdout: text, stderr: "", code: 0 });
}

describe("kill -9", () => {
  test(
    `of a pull at ${rounds} random moments (seed ${seed}) is made good by the next one`,
    async () => {
      await using registry = await FakeRegistry.start();
      registry.addImage("app", [base, layer("a", 400_000), layer("b", 1_500_000), layer("c", 100_000)]);
      // As from afar, so that there are moments in the middle of everything.
      registry.always(/blobs/, (request) => ({ ...registry.serve(request), bytesPerSecond: 4 << 20 }));
      await using currunt = await Currunt.create();
      const image = `${registry.host}/app`;
      const begun = performance.now();
      await currunt.ok("pull", "-quiet", image);
      const span = (performance.now() - begun) * 1.05;
      await currunt.ok("rmi", image);
      const random = randomNumbers(seed);
      for (let round = 0; round < rounds; round++) {
        const format = round % 2 === 0 ? "directory" : "erofs";
        const pull = ["pull", "-quiet", "-layer-format", format, image];
        // Some are killed twice in a row.
        for (let kills = random() < 0.3 ? 2 : 1; kills > 0; kills--) {
          const child = currunt.spawn(pull);
          await Bun.sleep(random() * span);
          child.kill("SIGKILL");
          await child.exited;
          await currunt.ok("images", "-quiet");
          expectSoundIndex(currunt);
        }
        await currunt.ok(...pull);
        await expectWorks(currunt, image, "/a/0", "/b/1", "/c/2");
        for (const folder of ["staging", "ingest"])
          expect({ round, [folder]: listing(currunt, folder) }).toEqual({ round, [folder]: [] });
        await currunt.ok("rmi", image);
        for (const folder of everything)
          expect({ round, [folder]: listing(currunt, folder) }).toEqual({ round, [folder]: [] });
      }
    },
    60_000 + rounds * 10_000,
  );
});

describe("many at once", () => {
  test("50 pulls of the same and of different images get each layer once", async () => {
    await using registry = await FakeRegistry.start();
    const shared = [base, layer("a", 300_000), layer("b", 3_000_000)];
    const names = ["one", "two", "three", "four", "five"];
    for (const name of names) registry.addImage(name, [...shared, layer(name, 500_000)]);
    await using currunt = await Currunt.create();
    const pulls = Array.from({ length: 50 }, (_, index) => {
      const image = `${registry.host}/${names[index % names.length]}`;
      return currunt.run(["pull", "-quiet", image], { timeoutMs: 120_000 });
    });
    for (const { code, stderr } of await Promise.all(pulls))
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    // On a busy machine a transfer may go on in ranges: they are of the one that was begun.
    const layers = registry.requests
      .filter(({ path, headers }) => path.includes("/blobs/") && headers.range === undefined)
      .map(({ path }) => path.split("/").at(-1));
    const large = layers.filter((digest) => (registry.blobs.get(digest ?? "")?.length ?? 0) > 100_000);
    expect(large.toSorted()).toEqual([...new Set(large)].toSorted());
    for (const name of names)
      await expectWorks(currunt, `${registry.host}/${name}`, "/a/0", "/b/1", `/${name}/2`);
    expectSoundIndex(currunt);
    expect(listing(currunt, "staging")).toEqual([]);
    expect(listing(currunt, "ingest")).toEqual([]);
    expect(listing(currunt, "layers")).toHaveLength(8);
  }, 180_000);
});
