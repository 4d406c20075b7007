/** An image from each kind of registry that people use, through the executable; each is a behaviour of one misbehaving server. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { archive } from "../fixtures/archive.ts";
import { Currunt } from "../fixtures/currunt.ts";
import { digestOf, FakeRegistry, ociIndex, refuse } from "../fixtures/fake-registry.ts";
import { manners } from "../fixtures/registry-manner.ts";

let currunt: Currunt;
let registry: FakeRegistry;
let store: FakeRegistry;
let serial = 0;
beforeAll(async () => {
  currunt = await Currunt.create();
});
afterAll(() => currunt[Symbol.asyncDispose]());
beforeEach(async () => {
  [registry, store] = [await FakeRegistry.start(), await FakeRegistry.start()];
});
afterEach(async () => {
  await registry[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

/** Layers that no other test has. */
function layers(): Uint8Array[] {
  serial++;
  return [1, 2].map((index) =>
    archive({ name: `file${index}`, data: `${registry.host} ${serial} ${index}`.repeat(20) }),
  );
}

/** An index with the image of this machine and an attestation, as buildx makes it. */
function addIndexed(): void {
  const image = registry.addImage("team/app", layers(), { tag: "" });
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  registry.addManifest(
    "team/app",
    {
      schemaVersion: 2,
      mediaType: ociIndex,
      manifests: [
        {
          ...registry.addManifest("team/app", { schemaVersion: 2, layers: [], config: {} }, undefined, ""),
          platform: { os: "unknown", architecture: "unknown" },
          annotations: { "vnd.docker.reference.type": "attestation-manifest" },
        },
        { ...image, platform: { os: "linux", architecture } },
      ],
    },
    ociIndex,
  );
}

function pull(auth: string | Record<string, string> | undefined) {
  const file = join(currunt.home, "auth.json");
  const entry = typeof auth === "string" ? { auth: Buffer.from(auth).toString("base64") } : auth;
  writeFileSync(file, JSON.stringify({ auths: entry === undefined ? {} : { [registry.host]: entry } }));
  return currunt.run(["pull", "-authfile", file, `${registry.host}/team/app`]);
}

describe("an image comes from", () => {
  for (const { name, user, entry, arrange } of manners) {
    test(name, async () => {
      addIndexed();
      arrange(registry, store);
      const { code, stdout, stderr } = await pull(entry ?? user);
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
      const secrets = [user?.slice(user.indexOf(":") + 1), entry?.["identitytoken"], "t0ken"];
      for (const secret of secrets) if (secret !== undefined) expect(stdout + stderr).not.toContain(secret);
      expect(store.requests.map(({ headers }) => headers.authorization)).toEqual(
        store.requests.map(() => undefined),
      );
    });
  }

  test("registries with users are closed to others, and say so without the wrong password", async () => {
    for (const { user, arrange } of manners.filter((manner) => manner.user !== undefined)) {
      await registry[Symbol.asyncDispose]();
      registry = await FakeRegistry.start();
      addIndexed();
      arrange(registry, store);
      const { code, stderr } = await pull(`${user?.split(":", 1)[0]}:wr0ng`);
      expect(code).toBe(125);
      expect(stderr).toMatch(/answered 40[1345]/);
      expect(stderr).not.toContain("wr0ng");
    }
  });

  test("quay.io without the credentials that it refuses, with a warning", async () => {
    addIndexed();
    const challenge = `Bearer realm="${registry.url}/auth",service="quay.io"`;
    registry.always(/\/auth/, ({ headers, method }) =>
      headers.authorization === undefined && method === "GET" ? { body: '{"token":"t"}' } : { status: 401 },
    );
    registry.rules.push(({ headers }) =>
      headers.authorization === "Bearer t"
        ? undefined
        : { ...refuse(401, "UNAUTHORIZED", ""), headers: { "www-authenticate": challenge } },
    );
    const { code, stderr } = await pull("old+robot:expired");
    expect(code).toBe(0);
    expect(stderr).toContain("refused the credentials");
    expect(stderr).not.toContain("expired");
  });
});

describe("docker's schema 1 runs", () => {
  const busybox = () =>
    archive(
      { name: "bin", type: "5", mode: 0o755 },
      { name: "bin/busybox", mode: 0o755, data: readFileSync("/bin/busybox") },
    );
  const id = (digit: string) => digit.repeat(64);

  function document(): Record<string, unknown> {
    serial++;
    const base = registry.addBlob(gzipSync(busybox()));
    const top = registry.addBlob(gzipSync(archive({ name: "top", data: `schema 1 number ${serial}\n` })));
    const empty = registry.addBlob(gzipSync(Buffer.alloc(1024)));
    const v1 = (fields: object) => ({ v1Compatibility: JSON.stringify(fields) });
    return {
      schemaVersion: 1,
      name: "team/app",
      tag: "latest",
      architecture: "amd64",
      // Newest first; the second is a setting without files.
      fsLayers: [top, empty, base].map(({ digest }) => ({ blobSum: digest })),
      history: [
        v1({
          id: id("c"),
          parent: id("b"),
          os: "linux",
          architecture: process.arch === "x64" ? "amd64" : process.arch,
          config: { Cmd: ["/bin/busybox", "cat", "/top"] },
        }),
        v1({ id: id("b"), parent: id("a"), throwaway: true, container_config: { Cmd: ["#(nop) ENV"] } }),
        v1({ id: id("a"), container_config: { Cmd: ["#(nop) ADD file"] } }),
      ],
    };
  }

  /** A JSON web signature around the document, as docker's registry made them; the key is not looked at. */
  function signed(text: string): string {
    const formatLength = text.lastIndexOf("\n}");
    const header = {
      formatLength,
      formatTail: Buffer.from("\n}").toString("base64url"),
      time: "2015-01-01T00:00:00Z",
    };
    const signature = {
      header: { alg: "ES256" },
      signature: "AAAA",
      protected: Buffer.from(JSON.stringify(header)).toString("base64url"),
    };
    return `${text.slice(0, formatLength)},\n   "signatures": ${JSON.stringify([signature])}\n}`;
  }

  test.each([
    ["unsigned", "application/vnd.docker.distribution.manifest.v1+json"],
    ["signed", "application/vnd.docker.distribution.manifest.v1+prettyjws"],
    ["signed, by a registry that does not say what it is", "text/plain"],
  ])("%s", async (form, type) => {
    const text = JSON.stringify(document(), undefined, 3);
    const body = form.startsWith("signed") ? signed(text) : text;
    registry.always(/manifests\/latest/, {
      headers: { "content-type": type, "docker-content-digest": digestOf(text) },
      body,
    });
    const { stdout, stderr, code } = await currunt.run([
      "run",
      "-rm",
      "-quiet",
      // Another registry may have had its port, and the store an image of that name.
      ...["-pull", "always"],
      "-network",
      "none",
      `${registry.host}/team/app`,
    ]);
    expect({ stdout, stderr, code }).toEqual({ stdout: `schema 1 number ${serial}\n`, stderr: "", code: 0 });
  });
});
