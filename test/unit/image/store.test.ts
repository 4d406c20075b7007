import type { Database } from "bun:sqlite";
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CurruntError } from "../../../src/base/error.ts";
import { openDatabase } from "../../../src/engine/database.ts";
import { prepareRoots } from "../../../src/engine/roots.ts";
import { digestOf } from "../../../src/image/digest.ts";
import { leaseLayers } from "../../../src/image/garbage.ts";
import type { Image } from "../../../src/image/image-row.ts";
import { parseReference } from "../../../src/image/reference.ts";
import { makeStaging, sweepStaging, tryKeyLock } from "../../../src/image/staging.ts";
import { ImageStore } from "../../../src/image/store.ts";
import { BackgroundSync } from "../../../src/sys/background-sync.ts";

const scratch = mkdtempSync(join(tmpdir(), "currunt-store-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let count = 0;
let database: Database;
let store: ImageStore;
beforeEach(async () => {
  const roots = { data: join(scratch, String(count)), run: join(scratch, `run-${count++}`) };
  prepareRoots(roots);
  database = await openDatabase(join(roots.data, "index.db"));
  store = new ImageStore(database, roots);
});

/** An image as a pull leaves it: layer directories, blobs and rows. */
async function add(reference: string, layers: string[], content = reference): Promise<Image> {
  const parsed = parseReference(reference);
  const config = JSON.stringify({ content });
  const manifest = `manifest of ${content}`;
  using staging = makeStaging(store.paths.staging);
  using sync = new BackgroundSync(staging.path, 1 << 20);
  const blobs = [config, manifest].map((text): [string, Uint8Array] => [digestOf(text), Buffer.from(text)]);
  await store.blobs.write(new Map(blobs), staging.path, sync);
  const stored = layers.map((layer) => {
    const diffID = digestOf(layer);
    mkdirSync(store.layerPath(diffID), { recursive: true });
    return { id: diffID, diffID, blobDigest: digestOf(`blob ${layer}`), sizeBytes: 100, entries: 1 };
  });
  return store.commit({
    id: digestOf(config),
    manifestDigest: digestOf(manifest),
    reference: parsed,
    referenceDigest: digestOf(manifest),
    platform: { os: "linux", architecture: "amd64" },
    config: {
      os: "linux",
      architecture: "amd64",
      created: "2024-01-02T03:04:05Z",
      rootfs: { type: "layers", diff_ids: [] },
    },
    layers: stored,
  });
}

function addContainer(name: string, image: Image): void {
  database
    .query(
      "INSERT INTO containers (id, name, image_id, created_at, status, record) VALUES (?, ?, ?, 0, 'exited', '{}')",
    )
    .run(name, name, image.id);
}

async function failure(run: () => unknown): Promise<CurruntError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof CurruntError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

const layerNames = () => readdirSync(store.paths.layers).length;
const blobNames = () => readdirSync(store.paths.blobs).length;

describe("ImageStore", () => {
  test("finds by reference, whole ID, start of the ID and digest", async () => {
    const image = await add("busybox", ["a", "b"]);
    expect(image.references).toEqual(["docker.io/library/busybox:latest"]);
    expect(image.layers).toEqual([digestOf("a"), digestOf("b")]);
    expect(image.sizeBytes).toBe(200);
    expect(image.createdAt).toBe(Date.parse("2024-01-02T03:04:05Z"));
    const names = [
      "busybox",
      "docker.io/library/busybox:latest",
      image.id,
      image.id.slice(7),
      image.id.slice(7, 12),
      image.id.slice(0, 12),
      `busybox@${image.manifestDigest}`,
    ];
    for (const name of names) expect(store.find(name)).toEqual(image);
    for (const name of ["busybox:1", "other", "sha256:ffff", `other@${image.manifestDigest}`])
      expect(store.find(name)).toBeUndefined();
    expect(store.layerPaths(image)).toEqual([store.layerPath(digestOf("b")), store.layerPath(digestOf("a"))]);
  });

  test("prefers a name to the start of an ID", async () => {
    const image = await add("busybox", ["a"]);
    const prefix = image.id.slice(7, 11);
    const named = await add(prefix, ["b"]);
    expect(store.get(prefix).id).toBe(named.id);
  });

  test("tells a start that several IDs share from one that none has", async () => {
    const ids = new Set<string>();
    for (let n = 0; n < 17; n++) ids.add((await add(`image${n}`, ["a"])).id.slice(7, 8));
    const shared =
      [..."0123456789abcdef"].find((digit) => store.list().filter(({ id }) => id[7] === digit).length > 1) ??
      "";
    expect((await failure(() => store.get(`sha256:${shared}`))).kind).toBe("conflict");
    const error = await failure(() => store.get("nothing"));
    expect(error).toMatchObject({ kind: "not-found", hint: expect.stringContaining("currunt pull nothing") });
  });

  test("moves a reference to the image that was pulled last, and lists the other as dangling", async () => {
    const old = await add("busybox", ["a"], "old");
    const young = await add("busybox", ["a"], "young");
    expect(store.get("busybox").id).toBe(young.id);
    expect(store.get(old.id).references).toEqual([]);
    expect(store.list().length).toBe(2);
  });

  test("tags, and untags without removing the image", async () => {
    const image = await add("busybox", ["a"]);
    expect(store.tag("busybox", "quay.io/me/box:1").references).toEqual([
      "docker.io/library/busybox:latest",
      "quay.io/me/box:1",
    ]);
    expect(await store.remove("busybox")).toEqual({
      untagged: ["docker.io/library/busybox:latest"],
      deleted: undefined,
    });
    expect(store.get("quay.io/me/box:1").id).toBe(image.id);
    expect((await failure(() => store.tag(image.id, `a@${image.id}`))).kind).toBe("invalid");
  });

  test("removes an image with what only it needs", async () => {
    await add("one", ["shared", "own"]);
    const two = await add("two", ["shared"]);
    const removed = await store.remove("one");
    expect(removed.deleted).toBeDefined();
    expect(store.list().map(({ id }) => id)).toEqual([two.id]);
    expect(readdirSync(store.paths.layers)).toEqual([digestOf("shared").slice(7)]);
    expect(blobNames()).toBe(2);
    await store.remove(two.id);
    expect([layerNames(), blobNames(), readdirSync(store.paths.staging).length]).toEqual([0, 0, 0]);
  });

  test("gives a name by ID only to an image that is still there", async () => {
    const image = await add("one", ["a"]);
    const reference = parseReference("two");
    expect(store.rename(image.id, reference, image.manifestDigest)?.references).toHaveLength(2);
    await store.remove(image.id, { force: true });
    expect(store.rename(image.id, reference, image.manifestDigest)).toBeUndefined();
    expect(store.find("two")).toBeUndefined();
  });

  test("takes several tags of one repository away by ID, without force", async () => {
    const image = await add("one:1", ["a"]);
    store.tag("one:1", "one:2", "one:3");
    expect(await store.remove(image.id)).toEqual({
      untagged: ["docker.io/library/one:1", "docker.io/library/one:2", "docker.io/library/one:3"],
      deleted: image.id,
    });
  });

  test("takes by NAME@DIGEST the names that stand for it, and no others", async () => {
    const image = await add("one:1", ["a"]);
    store.tag("one:1", "one:2", "two");
    expect((await store.remove(`one@${image.manifestDigest}`)).untagged).toHaveLength(2);
    expect(store.get(image.id).references).toEqual(["docker.io/library/two:latest"]);
  });

  test("untags without removing, and refuses the name of another image", async () => {
    const image = await add("one", ["a"]);
    await add("other", ["b"]);
    expect(() => store.untag(image.id, ["other"])).toThrow("no such name");
    expect(store.untag(image.id, [])).toEqual(["docker.io/library/one:latest"]);
    expect(store.get(image.id).references).toEqual([]);
  });

  test("asks for force to remove by ID what has several names", async () => {
    const image = await add("one", ["a"]);
    store.tag("one", "two");
    const error = await failure(() => store.remove(image.id));
    expect(error).toMatchObject({
      kind: "conflict",
      hint: expect.stringContaining("docker.io/library/two:latest"),
    });
    expect((await store.remove(image.id, { force: true })).untagged.length).toBe(2);
    expect(store.list()).toEqual([]);
  });

  test("protects what a container uses; by force it goes with the last container", async () => {
    const image = await add("one", ["a"]);
    addContainer("web", image);
    const error = await failure(() => store.remove("one"));
    expect(error).toMatchObject({
      kind: "conflict",
      message: expect.stringContaining('in use by container "web"'),
    });
    expect(store.get("one").references.length).toBe(1);
    expect(await store.remove("one", { force: true })).toEqual({
      untagged: image.references,
      deleted: undefined,
    });
    expect(store.list()).toEqual([]);
    expect(existsSync(store.layerPath(digestOf("a")))).toBe(true);
    database.run("DELETE FROM containers");
    store.collect();
    expect([layerNames(), blobNames()]).toEqual([0, 0]);
  });

  test("keeps an image that was doomed when it is pulled again", async () => {
    const image = await add("one", ["a"]);
    addContainer("web", image);
    await store.remove("one", { force: true });
    await add("one", ["a"]);
    database.run("DELETE FROM containers");
    store.collect();
    expect(store.get("one").id).toBe(image.id);
  });

  test("refuses a container of an image that is gone", async () => {
    const image = await add("one", ["a"]);
    await store.remove("one");
    expect(() => addContainer("web", image)).toThrow("FOREIGN KEY");
  });

  test("gives a damaged blob for a missing one", async () => {
    const image = await add("one", ["a"]);
    expect(store.blobs.read(image.id)).toBeDefined();
    writeFileSync(store.blobs.path(image.id), "damaged");
    expect(store.blobs.read(image.id)).toBeUndefined();
  });
});

describe("collect()", () => {
  test("removes layers without images, but not while a pull runs", async () => {
    await add("one", ["a"]);
    mkdirSync(join(store.paths.layers, "f".repeat(64), "usr"), { recursive: true });
    const lease = leaseLayers(store.paths);
    store.collect();
    expect(layerNames()).toBe(2);
    lease.close();
    store.collect();
    expect(readdirSync(store.paths.layers)).toEqual([digestOf("a").slice(7)]);
    expect(readdirSync(store.paths.staging)).toEqual([]);
  });
});

describe("staging", () => {
  test("sweepStaging() removes what the dead left and nothing that is in use", () => {
    const root = store.paths.staging;
    using alive = makeStaging(root);
    writeFileSync(join(alive.path, "data"), "x");
    mkdirSync(join(root, "work-dead", "deep"), { recursive: true });
    writeFileSync(join(root, "lock-dead"), "");
    const held = tryKeyLock(root, "held");
    if (!("lock" in held)) throw new Error("not locked");
    sweepStaging(root);
    expect(readdirSync(root).sort()).toEqual(["lock-held", alive.path.slice(root.length + 1)].sort());
    expect("lock" in tryKeyLock(root, "held")).toBe(false);
    held.lock[Symbol.dispose]();
    expect("lock" in tryKeyLock(root, "held")).toBe(true);
  });
});
