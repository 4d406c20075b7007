/** Pulling into a store: what arrives, what is refused, and what is left when it fails, is stopped or killed. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { explain, hintOf } from "../../src/base/error.ts";
import { openDatabase } from "../../src/engine/database.ts";
import { prepareRoots } from "../../src/engine/roots.ts";
import type { Image } from "../../src/image/image-row.ts";
import { parsePlatform } from "../../src/image/platform.ts";
import type { PullEvent } from "../../src/image/progress.ts";
import type { PullOptions } from "../../src/image/pull.ts";
import { pullImage } from "../../src/image/pull.ts";
import { ImageStore } from "../../src/image/store.ts";
import { archive as tar } from "../fixtures/archive.ts";
import { digestOf, FakeRegistry, ociIndex, ociLayer, ociManifest } from "../fixtures/fake-registry.ts";
import { pushLayout, writeLayout } from "../fixtures/layout.ts";
import { mustRun } from "../fixtures/process.ts";
import { registryUser, startRegistry } from "../fixtures/registry.ts";
import type { Tree } from "../fixtures/tree.ts";
import { archive, writeTree } from "../fixtures/tree.ts";

const scratch = mkdtempSync(join(tmpdir(), "currunt-pull-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let registry: FakeRegistry;
let store: ImageStore;
let data = "";
let events: PullEvent[] = [];
let serial = 0;
beforeEach(async () => {
  registry = await FakeRegistry.start();
  data = join(scratch, `data${serial++}`);
  prepareRoots({ data, run: `${data}-run` });
  store = new ImageStore(await openDatabase(join(data, "index.db")), { data, run: `${data}-run` });
  events = [];
});
afterEach(() => registry[Symbol.asyncDispose]());

/** The archives that most tests use, bottom first. */
let archives: Buffer[] = [];
beforeAll(async () => {
  archives = [
    await layer("base", {
      "etc/name": "base\n",
      "bin/tool": { content: randomBytes(300_000).toString("hex"), mode: 0o755 },
    }),
    await layer("top", { "etc/name": "top\n", "etc/more": randomBytes(200_000).toString("hex") }),
  ];
});

async function layer(name: string, tree: Tree): Promise<Buffer> {
  const directory = join(scratch, `${name}.tree`);
  await writeTree(directory, tree);
  return readFileSync(await archive(directory, join(scratch, `${name}.tar`)));
}

const patience = { baseDelayMs: 5, maxDelayMs: 1000, idleMs: 1000, attempts: 3 };

function pull(name: string, options: Partial<PullOptions> = {}): Promise<Image> {
  const onProgress = (event: PullEvent) => events.push(event);
  return pullImage(name.includes(":") && !name.startsWith("app") ? name : `${registry.host}/${name}`, {
    store,
    patience,
    onProgress,
    ...options,
  });
}

const failure = async (promise: Promise<unknown>) =>
  promise.then(
    () => Promise.reject(new Error("it did not fail")),
    (error: unknown) => `${explain(error)} | ${hintOf(error) ?? ""}`,
  );

/** Everything under the data root that a failed pull must not leave. */
const leftovers = () =>
  ["layers", "staging", "blobs/sha256"].flatMap((folder) => readdirSync(join(data, folder)));
const requestsOf = (kind: string) => registry.log.filter((line) => line.includes(`/${kind}/`));

function startPull(reference: string) {
  return Bun.spawn(
    [process.execPath, join(import.meta.dir, "../fixtures/pull-process.ts"), data, reference],
    { stdout: "pipe", stderr: "pipe" },
  );
}

describe("a registry with authentication", () => {
  const login = { username: registryUser.name, password: registryUser.password };
  for (const auth of ["none", "basic", "token"] as const) {
    test(`${auth}: pulls with the right password, and is told without it`, async () => {
      await using real = await startRegistry({ auth });
      const layout = join(scratch, `layout-${auth}`);
      await writeLayout(layout, [{ layers: [join(scratch, "base.tar")], settings: { Cmd: ["tool"] } }]);
      const credentials = `${login.username}:${login.password}`;
      await pushLayout(layout, `${real.host}/app:1`, auth === "none" ? {} : { credentials });
      const image = await pull(`${real.host}/app:1`, auth === "none" ? {} : { login });
      expect(readFileSync(join(store.layerPath(image.layers[0] ?? ""), "etc/name"), "utf8")).toBe("base\n");
      if (auth === "none") return;
      expect(await failure(pull(`${real.host}/app:1`))).toMatch(/answered 401.* \| .*currunt login/);
      const wrong = await failure(
        pull(`${real.host}/app:1`, { login: { ...login, password: "wr0ng-password" } }),
      );
      expect(wrong).toContain("401");
      expect(wrong + JSON.stringify(events)).not.toContain("wr0ng-password");
    });
  }
});

describe("pullImage()", () => {
  test("brings config, layers and names, and tells what it does", async () => {
    const { digest } = registry.addImage("app", archives);
    const image = await pull("app");
    expect(image).toMatchObject({
      manifestDigest: digest,
      references: [`${registry.host}/app:latest`],
      layers: archives.map((bytes) => digestOf(bytes)),
      platform: { os: "linux" },
    });
    expect(image.config.config?.Cmd).toEqual(["/bin/sh"]);
    expect(readFileSync(join(store.layerPaths(image)[0] ?? "", "etc/name"), "utf8")).toBe("top\n");
    const types = new Set(events.map(({ type }) => type));
    expect([...types].sort()).toEqual([
      "done",
      "layer-done",
      "layer-progress",
      "layer-start",
      "layer-unpack",
      "resolved",
    ]);
    expect(events.at(-1)).toMatchObject({ type: "done", imageID: image.id, digest });
    expect(readdirSync(join(data, "staging"))).toEqual([]);
  });

  test("a second pull asks for the manifest only, also through an index", async () => {
    const manifest = registry.addImage("app", archives, { tag: "" });
    const platform = { os: "linux", architecture: process.arch === "x64" ? "amd64" : process.arch };
    const inner = registry.addManifest(
      "app",
      { schemaVersion: 2, manifests: [{ ...manifest, platform }] },
      ociIndex,
      "",
    );
    registry.addManifest("app", { schemaVersion: 2, manifests: [{ ...inner, platform }] }, ociIndex);
    const first = await pull("app");
    registry.requests.length = 0;
    expect((await pull("app")).id).toBe(first.id);
    expect(registry.log).toEqual(["GET /v2/app/manifests/latest"]);
    expect(events.slice(-2).map(({ type }) => type)).toEqual(["up-to-date", "done"]);
  });

  test("fetches only the layers that are not there, whatever they are compressed with", async () => {
    registry.addImage("app", archives.slice(0, 1));
    const [zstd, plain] = [
      "application/vnd.oci.image.layer.v1.tar+zstd",
      "application/vnd.oci.image.layer.v1.tar",
    ];
    registry.addImage("app", archives, {
      tag: "zstd",
      layerType: zstd,
      compress: (bytes) => zstdCompressSync(bytes),
    });
    // The type lies: the bytes tell.
    registry.addImage("app", [...archives].reverse(), {
      tag: "plain",
      layerType: plain,
      compress: (bytes) => gzipSync(bytes),
    });
    await pull("app");
    registry.requests.length = 0;
    await pull("app:zstd");
    expect(requestsOf("blobs").length).toBe(2);
    await pull("app:plain");
    expect(requestsOf("blobs").length).toBe(3);
  });

  test("takes an image without layers, and one that lists a layer twice", async () => {
    registry.addImage("app", []);
    expect((await pull("app")).layers).toEqual([]);
    const [base = Buffer.alloc(0)] = archives;
    registry.addImage("app", [base, base], { tag: "twice" });
    expect((await pull("app:twice")).layers).toEqual([digestOf(base), digestOf(base)]);
  });

  test("keeps what a layer takes from those below it to that image", async () => {
    const bases = [
      tar({ name: "srv/", type: "5", mode: 0o700 }, { name: "srv/from", data: "one" }),
      tar({ name: "srv/", type: "5", mode: 0o1777 }, { name: "srv/from", data: "two" }),
    ];
    const top = tar({ name: "srv/new", data: "new" }, { name: "linked", type: "1", link: "srv/from" });
    for (const [index, base] of bases.entries()) registry.addImage("app", [base, top], { tag: `v${index}` });
    const tops: string[] = [];
    for (const index of bases.keys()) {
      const image = await pull(`app:v${index}`);
      tops.push(store.layerPaths(image)[0] ?? "");
      expect(store.layerPath(image.layers[0] ?? "")).toContain(digestOf(bases[index] ?? "").slice(7));
    }
    expect(tops.map((path) => readFileSync(join(path, "linked"), "utf8"))).toEqual(["one", "two"]);
    expect(tops.map((path) => (statSync(join(path, "srv")).mode & 0o7777).toString(8))).toEqual([
      "700",
      "1777",
    ]);
    registry.requests.length = 0;
    await store.remove(`${registry.host}/app:v1`);
    registry.addImage("app", [bases[0] ?? top, top], { tag: "again", architecture: "arm" });
    expect(store.layerPaths(await pull("app:again"))[0]).toBe(tops[0] ?? "");
    expect(requestsOf("blobs").length).toBe(1);
  });

  test("takes a layer that is listed twice by different blobs", async () => {
    const open = tar({ name: "deep/in/file", data: randomBytes(50_000) });
    const [base = Buffer.alloc(0)] = archives;
    const [first, second] = [gzipSync(open), gzipSync(open, { level: 0 })];
    let turn = 0;
    registry.addImage("app", [base, open, open], {
      compress: (bytes) => (open.equals(bytes) ? ([first, second][turn++] ?? second) : gzipSync(bytes)),
    });
    const { layers } = await pull("app");
    expect(layers[1]).toBe(layers[2] ?? "");
  });

  test("does not take an image's word for what another image's blob unpacks to", async () => {
    const [base = Buffer.alloc(0), top = Buffer.alloc(0)] = archives;
    const victim = digestOf(gzipSync(top));
    registry.addImage("app", [base]);
    await pull("app");
    // Its config says that the victim's blob is a layer which is here already.
    registry.addImage("app", [base], { tag: "liar", architecture: "arm", layer: { digest: victim } });
    await pull("app:liar");
    expect(store.diffIDOf(victim)).toBeUndefined();
    expect(store.diffIDOf(digestOf(gzipSync(base)))).toBe(digestOf(base));
  });

  test("takes layers from inline data and foreign urls", async () => {
    await using elsewhere = await FakeRegistry.start();
    const [base = Buffer.alloc(0)] = archives;
    const packed = gzipSync(base);
    elsewhere.always(/layer/, { body: packed });
    for (const layerFields of [{ data: packed.toString("base64") }, { urls: [`${elsewhere.url}/layer`] }]) {
      registry.addImage("app", [base], { layer: layerFields });
      registry.blobs.delete(digestOf(packed));
      const image = await pull("app");
      await store.remove(image.id, { force: true });
    }
    expect(elsewhere.requests.length).toBe(1);
  });

  test("resumes a layer that was cut, and begins anew when the halves do not fit", async () => {
    registry.addImage("app", archives);
    const digest = digestOf(gzipSync(archives[0] ?? ""));
    const blob = registry.blobs.get(digest) ?? Buffer.alloc(0);
    const layerPattern = new RegExp(`blobs/${digest}`);
    registry.once(layerPattern, { body: blob, cutAfter: 100_000 });
    registry.once(layerPattern, {
      status: 206,
      headers: { "content-range": `bytes 0-${blob.length - 1}/${blob.length}` },
      body: randomBytes(blob.length),
    });
    await pull("app");
    expect(registry.log.filter((line) => layerPattern.test(line)).length).toBe(3);
    expect(events.some((event) => event.type === "warning" && event.message.includes("resuming"))).toBe(true);
  });

  test("warns of another platform, and refuses it when one was asked for", async () => {
    registry.addImage("app", archives, { architecture: "s390x" });
    expect(await failure(pull("app", { platform: parsePlatform("linux/amd64") }))).toContain(
      "the image is for linux/s390x",
    );
    expect((await pull("app")).platform.architecture).toBe("s390x");
    expect(events.some((event) => event.type === "warning" && event.message.includes("linux/s390x"))).toBe(
      true,
    );
  });
});

describe("docker's schema 1", () => {
  test("is converted, keeps its history, and is known when it comes again", async () => {
    await using real = await startRegistry();
    const layout = join(scratch, "layout-old");
    const layers = [join(scratch, "base.tar"), join(scratch, "top.tar")];
    await writeLayout(layout, [{ layers, settings: { Cmd: ["tool"], Env: ["A=b"] } }]);
    const flags = ["--insecure-policy", "copy", "--format", "v2s1", "--dest-tls-verify=false"];
    await mustRun(["skopeo", ...flags, `oci:${layout}:image`, `docker://${real.host}/old:1`]);
    const image = await pull(`${real.host}/old:1`);
    expect(image.layers).toEqual(archives.map((bytes) => digestOf(bytes)));
    expect(image.config.config).toMatchObject({ Cmd: ["tool"], Env: ["A=b"] });
    expect(image.config.rootfs.diff_ids).toEqual([...image.layers]);
    expect(readFileSync(join(store.layerPaths(image)[0] ?? "", "etc/name"), "utf8")).toBe("top\n");
    const again = await pull(`${real.host}/old@${image.manifestDigest}`);
    expect(again.id).toBe(image.id);
    expect(events.filter(({ type }) => type === "up-to-date").length).toBe(1);
    await store.remove(image.id, { force: true });
    expect((await pull(`${real.host}/old@${image.manifestDigest}`)).id).toBe(image.id);
  });
});

describe("what is refused leaves nothing behind", () => {
  const cases: [name: string, make: () => void, message: RegExp][] = [
    [
      "a layer that is not what the config says",
      () => registry.addImage("app", archives, { diffIDs: [digestOf("a"), digestOf("b")] }),
      /not what the image config says/,
    ],
    [
      "a layer with other bytes",
      () => {
        registry.addImage("app", archives);
        for (const [digest, bytes] of registry.blobs)
          if (bytes[0] === 0x1f) registry.blobs.set(digest, Buffer.alloc(bytes.length));
      },
      /its digest is/,
    ],
    ["a layer that is no archive", () => registry.addImage("app", [randomBytes(5000)]), /unpack layer/],
    [
      "a layer that breaks off",
      () => registry.addImage("app", archives, { compress: (bytes) => gzipSync(bytes).subarray(0, -100) }),
      /unpack layer/,
    ],
    [
      "a layer that is not there",
      () => {
        registry.addImage("app", archives);
        registry.always(/blobs/, (request) =>
          registry.blobs.get(request.path.slice(-71))?.[0] === 0x1f ? { status: 404 } : undefined,
        );
      },
      /get blob .* answered 404/,
    ],
    [
      "a layer that is cut for ever",
      () => {
        registry.addImage("app", archives);
        registry.always(/blobs/, (request) =>
          registry.blobs.get(request.path.slice(-71))?.[0] === 0x1f
            ? { ...registry.serve(request), cutAfter: 10 }
            : undefined,
        );
      },
      /cut off after/,
    ],
    [
      "fewer layers than the config lists",
      () =>
        registry.addImage("app", archives.slice(1), { diffIDs: archives.map((bytes) => digestOf(bytes)) }),
      /lists 2 layers, the manifest 1/,
    ],
    [
      "an encrypted layer",
      () => registry.addImage("app", archives, { layerType: `${ociLayer}+encrypted` }),
      /encrypted.*skopeo/,
    ],
    [
      "an artifact",
      () => registry.addImage("app", archives, { configType: "application/vnd.cncf.helm.config.v1+json" }),
      /no container image but "application\/vnd.cncf.helm/,
    ],
    [
      "a Windows-only index",
      () => {
        const manifest = registry.addImage("app", archives, { tag: "" });
        registry.addManifest(
          "app",
          {
            schemaVersion: 2,
            manifests: [{ ...manifest, platform: { os: "windows", architecture: "amd64" } }],
          },
          ociIndex,
        );
      },
      /not among its platforms.*it has windows\/amd64/,
    ],
    [
      "indexes that nest without end",
      () => {
        let entry = registry.addImage("app", archives, { tag: "" });
        for (let depth = 0; depth < 10; depth++)
          entry = registry.addManifest(
            "app",
            { schemaVersion: 2, manifests: [entry], annotations: { depth: String(depth) } },
            ociIndex,
          );
      },
      /nested more than 8 deep/,
    ],
    [
      "a manifest that is an index too",
      () =>
        registry.addManifest("app", {
          schemaVersion: 2,
          mediaType: ociManifest,
          config: {},
          layers: [],
          manifests: [],
        }),
      /at once/,
    ],
    [
      "a web page",
      () => registry.addManifest("app", "<html>welcome</html>", "text/html"),
      /not JSON.*registry/,
    ],
    [
      "a damaged schema 1",
      () =>
        registry.addManifest(
          "app",
          { schemaVersion: 1, fsLayers: [], history: [], signatures: [] },
          "application/json",
        ),
      /schema 1/,
    ],
  ];
  for (const [name, make, message] of cases) {
    test(name, async () => {
      make();
      expect(await failure(pull("app"))).toMatch(message);
      expect(leftovers()).toEqual([]);
      expect(store.list()).toEqual([]);
    });
  }

  test("a pull that the caller stops", async () => {
    registry.addImage("app", archives);
    registry.always(/blobs/, (request) => ({ ...registry.serve(request), dripBytes: 1000 }));
    const stop = new AbortController();
    const stopped = pull("app", {
      signal: stop.signal,
      onProgress: ({ type }) => type === "layer-progress" && stop.abort(new Error("stopped by hand")),
    });
    expect(await failure(stopped)).toContain("stopped by hand");
    expect(leftovers()).toEqual([]);
  });
});

test("why a pull failed is told also when the cleaning up fails", async () => {
  registry.addImage("app", [randomBytes(5000)]);
  const onProgress = ({ type }: PullEvent) => {
    if (type === "layer-start") rmSync(join(data, "layers"), { recursive: true });
  };
  expect(await failure(pull("app", { onProgress }))).toMatch(
    /^pull .*unpack layer .*\(cleaning up failed too: /,
  );
});

describe("several processes", () => {
  test("pulling the same image transfer each layer once", async () => {
    registry.addImage("app", archives);
    registry.always(/blobs/, (request) => ({ ...registry.serve(request), dripBytes: 20_000 }));
    const reference = `${registry.host}/app`;
    const results = await Promise.all(
      [startPull(reference), startPull(reference), startPull(reference)].map(async (child) => ({
        output: await child.stdout.text(),
        errors: await child.stderr.text(),
        code: await child.exited,
      })),
    );
    expect(results.map(({ code, errors }) => ({ code, errors }))).toEqual(
      Array(3).fill({ code: 0, errors: "" }),
    );
    for (const archived of archives) {
      const digest = digestOf(gzipSync(archived));
      expect(registry.log.filter((line) => line.endsWith(digest))).toEqual([`GET /v2/app/blobs/${digest}`]);
    }
    expect(readdirSync(join(data, "staging"))).toEqual([]);
    expect(store.list().length).toBe(1);
  });

  test("killed in the middle: the next pull takes over and sweeps", async () => {
    registry.addImage("app", archives);
    const stall = registry.rules;
    stall.push((request) => {
      const answer = registry.serve(request);
      return Buffer.from(answer.body ?? "")[0] === 0x1f ? { ...answer, stallAfter: 150_000 } : undefined;
    });
    const child = startPull(`${registry.host}/app`);
    const reader = child.stdout.getReader();
    for (let text = ""; text.split("layer-start").length < 3; ) {
      const { done, value } = await reader.read();
      if (done) throw new Error(await child.stderr.text());
      text += new TextDecoder().decode(value);
    }
    store.collect();
    expect(readdirSync(join(data, "staging")).length).toBeGreaterThanOrEqual(3);
    child.kill("SIGKILL");
    await child.exited;
    stall.length = 0;
    await pull("app");
    expect(readdirSync(join(data, "staging"))).toEqual([]);
    expect(readdirSync(join(data, "layers")).length).toBe(2);
  });

  test("memory stays flat under a layer of 300 MB", async () => {
    const content = join(scratch, "large.tree");
    await writeTree(content, { "etc/name": "large\n" });
    await Bun.write(join(content, "file"), randomBytes(300 << 20));
    const tar = readFileSync(await archive(content, join(scratch, "large.tar")));
    registry.addImage("large", [tar], { compress: (bytes) => gzipSync(bytes, { level: 0 }) });
    const child = startPull(`${registry.host}/large`);
    const output = await child.stdout.text();
    expect(await child.stderr.text()).toBe("");
    const { peakBytes } = JSON.parse(output.trim().split("\n").at(-1) ?? "{}");
    expect(peakBytes).toBeLessThan(200e6);
  }, 60_000);
});
