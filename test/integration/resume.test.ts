/** Pulls that were cut short, by kill -9, by the network, by a power cut: the next one goes on where they were. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { explain, hintOf } from "../../src/base/error.ts";
import { openDatabase } from "../../src/engine/database.ts";
import { prepareRoots } from "../../src/engine/roots.ts";
import type { Image } from "../../src/image/image-row.ts";
import { dropPartial, PartialBlob, sweepPartials } from "../../src/image/partial.ts";
import type { PullEvent } from "../../src/image/progress.ts";
import { pullImage } from "../../src/image/pull.ts";
import { ImageStore } from "../../src/image/store.ts";
import { archive as tar } from "../fixtures/archive.ts";
import type { Answer } from "../fixtures/fake-registry.ts";
import { digestOf, FakeRegistry } from "../fixtures/fake-registry.ts";

const scratch = mkdtempSync(join(tmpdir(), "currunt-resume-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let registry: FakeRegistry;
let store: ImageStore;
let data = "";
let ingest = "";
let events: PullEvent[] = [];
let serial = 0;
beforeEach(async () => {
  registry = await FakeRegistry.start();
  data = join(scratch, `data${serial++}`);
  ingest = join(data, "ingest");
  const roots = { data, run: `${data}-run` };
  prepareRoots(roots);
  store = new ImageStore(await openDatabase(join(data, "index.db")), roots);
  events = [];
});
afterEach(() => registry[Symbol.asyncDispose]());

let small: Uint8Array;
let large: Uint8Array;
/** The compressed large layer, and its digest. */
let blob: Uint8Array;
let digest = "";
beforeAll(() => {
  small = tar({ name: "etc/name", data: "small\n" });
  large = tar({ name: "content", data: randomBytes(1 << 20) });
  blob = gzipSync(large);
  digest = digestOf(blob);
});

const patience = { baseDelayMs: 5, maxDelayMs: 20, idleMs: 2000, attempts: 3 };
const pull = (signal?: AbortSignal): Promise<Image> =>
  pullImage(`${registry.host}/app`, {
    store,
    patience,
    onProgress: (event) => events.push(event),
    signal,
  });

/** The large layer's requests: what range each asked for. */
const ranges = () =>
  registry.requests.filter(({ path }) => path.endsWith(digest)).map(({ headers }) => headers.range ?? "all");
const kept = () => readdirSync(ingest);
const partialPath = () => join(ingest, digest.replace(":", "-"));

function expectWhole(image: Image): void {
  const layer = store.layerPath(image.layers.at(-1) ?? "");
  expect(readFileSync(join(layer, "content")).equals(large.subarray(512, 512 + (1 << 20)))).toBe(true);
  expect(kept()).toEqual([]);
  expect(readdirSync(join(data, "staging"))).toEqual([]);
}

/** Answers once for the large layer. */
const onceForLarge = (answer: Answer) => registry.once(new RegExp(`blobs/${digest}`), answer);

function startPull() {
  const program = join(import.meta.dir, "../fixtures/pull-process.ts");
  return Bun.spawn([process.execPath, program, data, `${registry.host}/app`], {
    stdout: "pipe",
    stderr: "pipe",
  });
}

/** Resolves once `bytes` of the large layer are kept. */
async function untilKept(bytes: number): Promise<void> {
  for (;;) {
    const size = statSync(partialPath(), { throwIfNoEntry: false })?.size ?? 0;
    if (size >= bytes) return;
    await Bun.sleep(5);
  }
}

/** A pull that is killed when it has 300000 bytes of the large layer and all of the small one. */
async function killedPull(): Promise<void> {
  registry.addImage("app", [small, large]);
  onceForLarge({ body: blob, stallAfter: 300_000 });
  const child = startPull();
  await untilKept(300_000);
  let told = "";
  for await (const chunk of child.stdout) {
    told += new TextDecoder().decode(chunk);
    if (told.includes("layer-done")) break;
  }
  child.kill("SIGKILL");
  await child.exited;
}

describe("after kill -9", () => {
  test("the next pull asks for the rest only, and for no layer that was complete", async () => {
    await killedPull();
    const before = registry.requests.length;
    expectWhole(await pull());
    expect(ranges()).toEqual(["all", "bytes=300000-"]);
    const later = registry.requests.slice(before).filter(({ path }) => path.includes("/blobs/"));
    // The config and the rest.
    expect(later.length).toBe(2);
    expect(events).toContainEqual({ type: "layer-resume", digest, keptBytes: 300_000 });
    expect(events.at(-1)).toMatchObject({ type: "done", transferredBytes: blob.length - 300_000 });
  });

  test("another process that waited takes over where it was", async () => {
    registry.addImage("app", [large]);
    onceForLarge({ body: blob, stallAfter: 300_000 });
    const first = startPull();
    await untilKept(300_000);
    const waiting = Promise.withResolvers<void>();
    const second = pullImage(`${registry.host}/app`, {
      store,
      patience,
      onProgress: ({ type }) => {
        if (type === "layer-wait") waiting.resolve();
      },
    });
    await waiting.promise;
    first.kill("SIGKILL");
    const image = await second;
    // What the killed one was unpacking into is swept by whoever comes next.
    store.collect();
    expectWhole(image);
    expect(ranges()).toEqual(["all", "bytes=300000-"]);
  });

  test("a blob that is here in whole is not asked for", async () => {
    registry.addImage("app", [small, large]);
    writeFileSync(partialPath(), blob);
    expectWhole(await pull());
    expect(ranges()).toEqual([]);
  });

  test("a registry without ranges sends all of it again, and it is taken", async () => {
    await killedPull();
    onceForLarge({ body: blob });
    expectWhole(await pull());
    expect(ranges()).toEqual(["all", "bytes=300000-"]);
  });
});

describe("what is kept is not trusted", () => {
  const damages: Record<string, () => Uint8Array> = {
    "zeros, as after a power cut": () => new Uint8Array(300_000),
    "one bit that is wrong": () => {
      const bytes = Buffer.from(blob.subarray(0, 300_000));
      bytes[200_000] = (bytes[200_000] ?? 0) ^ 1;
      return bytes;
    },
    "more than the blob has": () => Buffer.concat([blob, randomBytes(1000)]),
    "another content of the same length": () => randomBytes(blob.length),
  };
  for (const [name, make] of Object.entries(damages)) {
    test(`${name}: the blob comes anew`, async () => {
      registry.addImage("app", [small, large]);
      writeFileSync(partialPath(), make());
      expectWhole(await pull());
      expect(ranges().at(-1)).toBe("all");
    });
  }

  test("a registry that has no more than is here is asked for all of it", async () => {
    registry.addImage("app", [small, large]);
    writeFileSync(partialPath(), blob.subarray(0, 300_000));
    onceForLarge({ status: 416, headers: { "content-range": "bytes */300000" } });
    expectWhole(await pull());
    expect(ranges()).toEqual(["bytes=300000-", "all"]);
  });

  test("and content that is wrong from the start is not kept", async () => {
    registry.addImage("app", [small, large]);
    registry.blobs.set(digest, randomBytes(blob.length));
    expect(await pull().catch((error) => explain(error))).toMatch(/its digest is|decompress|not a/);
    expect(kept()).toEqual([]);
    expect(readdirSync(join(data, "layers"))).toEqual([]);
  });

  test("a layer that was complete before the machine stopped comes anew, unless it was on the disk", async () => {
    await killedPull();
    const [note = ""] = kept().filter((name) => name.startsWith("layer-"));
    const path = join(ingest, note);
    writeFileSync(path, "durable");
    store.collect();
    expect(readdirSync(join(data, "layers"))).toHaveLength(1);
    writeFileSync(path, "00000000-0000-0000-0000-000000000000");
    store.collect();
    expect(readdirSync(join(data, "layers"))).toEqual([]);
    expectWhole(await pull());
  });
});

describe("after a failure", () => {
  test("of the network, which is told in the last word, the next pull goes on", async () => {
    registry.addImage("app", [small, large]);
    for (let from = 100_000; from <= 300_000; from += 100_000) {
      const cut = { body: blob.subarray(from - 100_000), cutAfter: 100_000 };
      const range = `bytes ${from - 100_000}-${blob.length - 1}/${blob.length}`;
      onceForLarge(from === 100_000 ? cut : { ...cut, status: 206, headers: { "content-range": range } });
    }
    const error = await pull().catch((cause: unknown) => cause);
    expect(explain(error)).toMatch(/cut off after 300000 of \d+ bytes/);
    expect(hintOf(error)).toContain("kept");
    expectWhole(await pull());
    expect(ranges()).toEqual(["all", "bytes=100000-", "bytes=200000-", "bytes=300000-"]);
  });

  test("by the user, the next pull goes on", async () => {
    registry.addImage("app", [small, large]);
    onceForLarge({ body: blob, stallAfter: 300_000 });
    const stop = new AbortController();
    const stopped = pull(stop.signal).catch((error: unknown) => error);
    await untilKept(300_000);
    stop.abort(new Error("enough"));
    expect(explain(await stopped)).toContain("enough");
    expectWhole(await pull());
    expect(ranges()).toEqual(["all", "bytes=300000-"]);
  });
});

describe("partial downloads", () => {
  test("go after some days, unless somebody is at them", () => {
    const old = (Date.now() - 10 * 24 * 3600 * 1000) / 1000;
    for (const path of [partialPath(), join(ingest, "readme")]) writeFileSync(path, "old");
    utimesSync(partialPath(), old, old);
    {
      using held = PartialBlob.open(ingest, digest);
      expect(held?.sizeBytes).toBe(3);
      expect(PartialBlob.open(ingest, digest)).toBeUndefined();
      sweepPartials(ingest);
      expect(kept().sort()).toEqual(["readme", digest.replace(":", "-")].sort());
    }
    store.collect();
    expect(kept()).toEqual(["readme"]);
    rmSync(join(ingest, "readme"));
    dropPartial(ingest, digest);
  });
});
