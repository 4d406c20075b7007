/** Mirrors, redirected and blocked registries and short names, through the executable: registries.conf and hosts.toml. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { archive } from "../fixtures/archive.ts";
import { Currunt } from "../fixtures/currunt.ts";
import { FakeRegistry, refuse } from "../fixtures/fake-registry.ts";
import type { Output } from "../fixtures/process.ts";
import { freePort, startRegistry } from "../fixtures/registry.ts";
import { sharedRegistry } from "../fixtures/shared-registry.ts";

const scratch = mkdtempSync(join(tmpdir(), "currunt-mirror-"));
let currunt: Currunt;
let origin: FakeRegistry;
let mirror: FakeRegistry;
let etc = "";
let serial = 0;
beforeAll(async () => {
  currunt = await Currunt.create();
});
afterAll(async () => {
  await currunt[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});
beforeEach(async () => {
  [origin, mirror] = [await FakeRegistry.start(), await FakeRegistry.start()];
  etc = join(scratch, `etc${serial++}`);
});
afterEach(async () => {
  await origin[Symbol.asyncDispose]();
  await mirror[Symbol.asyncDispose]();
});

/** An image that no other test has a part of; the same in every registry. */
function image(): Uint8Array[] {
  return [archive({ name: "file", data: `${origin.host} ${serial}` })];
}

function configure(path: string, content: string): void {
  mkdirSync(dirname(join(etc, path)), { recursive: true });
  writeFileSync(join(etc, path), content);
}

function pull(name: string, env: Record<string, string> = {}): Promise<Output> {
  return currunt.run(["pull", "-progress", "plain", name], { env: { CURRUNT_ETC: etc, ...env } });
}

async function pulls(name: string): Promise<string> {
  const { code, stderr } = await pull(name);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
  return stderr;
}

async function refuses(name: string): Promise<string> {
  const { code, stderr } = await pull(name);
  expect(code).toBe(125);
  return stderr;
}

const paths = ({ log }: FakeRegistry) => log.map((line) => line.replace(/sha256:[0-9a-f]+/, "DIGEST"));

describe("registries.conf", () => {
  const conf = (text: string) => configure("containers/registries.conf", text);

  test("a mirror has it: the registry is not asked", async () => {
    mirror.addImage("copies/app", image());
    conf(`[[registry]]
prefix = "${origin.host}/team"
[[registry.mirror]]
location = "${mirror.host}/copies"
`);
    await pulls(`${origin.host}/team/app`);
    expect(origin.log).toEqual([]);
    expect(paths(mirror)).toEqual([
      "GET /v2/copies/app/manifests/latest",
      "GET /v2/copies/app/blobs/DIGEST",
      "GET /v2/copies/app/blobs/DIGEST",
    ]);
    // The name is what the user said.
    expect(await currunt.ok("images", "-format", "{{.Repository}}")).toContain(`${origin.host}/team/app`);
  });

  test("a mirror that lacks it is passed over in silence, one that fails with a word, and a dead one once", async () => {
    const dead = `127.0.0.1:${await freePort()}`;
    const broken = mirror;
    broken.always(/./, { status: 403 });
    await using empty = await FakeRegistry.start();
    origin.addImage("team/app", image());
    conf(`[[registry]]
location = "${origin.host}"
${[dead, empty.host, broken.host].map((host) => `[[registry.mirror]]\nlocation = "${host}"`).join("\n")}
`);
    const stderr = await pulls(`${origin.host}/team/app`);
    expect(stderr.match(/trying the next server/g)?.length).toBe(2);
    expect(stderr).toContain(`connect to ${dead}`);
    expect(stderr).not.toContain(empty.host);
    expect(stderr).toContain(`${broken.host} answered 403`);
    expect(empty.log).toContain("GET /v2/team/app/manifests/latest");
  });

  test("when nobody has it, all are named and the registry's word counts", async () => {
    conf(`[[registry]]\nlocation = "${origin.host}"\n[[registry.mirror]]\nlocation = "${mirror.host}"\n`);
    const stderr = await refuses(`${origin.host}/team/app`);
    expect(stderr).toContain(`neither ${mirror.host} (not-found) nor the registry itself`);
    expect(stderr).toContain("manifest unknown");
    expect(stderr).toContain("hint: the repository has no such tag");
  });

  test("a mirror that serves another content than the digest says is not believed", async () => {
    const { digest } = origin.addImage("team/app", image());
    mirror.manifests.set(`team/app@${digest}`, { bytes: Buffer.from("{}"), mediaType: "application/json" });
    conf(`[[registry]]\nlocation = "${origin.host}"\n[[registry.mirror]]\nlocation = "${mirror.host}"\n`);
    expect(await pulls(`${origin.host}/team/app@${digest}`)).toContain("its digest is");
  });

  test("a layer with other bytes is taken from the registry instead", async () => {
    origin.addImage("team/app", image());
    mirror.addImage("team/app", image());
    for (const [digest, bytes] of mirror.blobs) {
      if (bytes[0] === 0x1f)
        mirror.blobs.set(digest, gzipSync(archive({ name: "file", data: "evil" })).subarray(0, bytes.length));
    }
    conf(`[[registry]]\nlocation = "${origin.host}"\n[[registry.mirror]]\nlocation = "${mirror.host}"\n`);
    const stderr = await pulls(`${origin.host}/team/app`);
    expect(stderr).toContain(`${mirror.host} sent other bytes`);
    expect(paths(origin)).toEqual(["GET /v2/team/app/blobs/DIGEST"]);
  });

  test("pull-from-mirror keeps a mirror to digests or tags", async () => {
    const { digest } = origin.addImage("team/app", image());
    mirror.addImage("team/app", image());
    const wants = (kind: string) =>
      conf(
        `[[registry]]\nlocation = "${origin.host}"\n[[registry.mirror]]\nlocation = "${mirror.host}"\npull-from-mirror = "${kind}"\n`,
      );
    wants("digest-only");
    await pulls(`${origin.host}/team/app:latest`);
    expect(mirror.log).toEqual([]);
    wants("tag-only");
    await pulls(`${origin.host}/team/app@${digest}`);
    expect(mirror.log).toEqual([]);
    await pulls(`${origin.host}/team/app:latest`);
    expect(mirror.log).not.toEqual([]);
  });

  test("a location stands for the registry; a drop-in replaces a rule; the longest prefix counts", async () => {
    mirror.addImage("inside/app", image());
    conf(
      `[[registry]]\nprefix = "example.test"\nblocked = true\n[[registry]]\nprefix = "example.test/team"\nblocked = true\n`,
    );
    configure(
      "containers/registries.conf.d/10-inside.conf",
      `[[registry]]\nprefix = "example.test/team"\nlocation = "${mirror.host}/inside"\n`,
    );
    await pulls("example.test/team/app");
    const stderr = await refuses("example.test/other/app");
    expect(stderr).toContain(`blocked by "${etc}/containers/registries.conf"`);
  });

  test("a wildcard matches subdomains, and a user's file replaces the system's", async () => {
    conf('[[registry]]\nprefix = "*.example.test"\nblocked = true\n');
    expect(await refuses("a.b.example.test/app")).toContain("is blocked");
    const user = join(currunt.home, ".config/containers/registries.conf");
    mkdirSync(dirname(user), { recursive: true });
    writeFileSync(user, "[[registry]\n");
    try {
      const stderr = await refuses("a.b.example.test/app");
      expect(stderr).toContain(`read "${user}": not TOML`);
    } finally {
      rmSync(user);
    }
  });

  test("CONTAINERS_REGISTRIES_CONF names the only file", async () => {
    const path = join(scratch, "other.conf");
    writeFileSync(path, '[[registry]]\nlocation = "example.test"\nblocked = true\n');
    const { stderr } = await pull("example.test/app", { CONTAINERS_REGISTRIES_CONF: path });
    expect(stderr).toContain(`is blocked by "${path}"`);
    const missing = await pull("example.test/app", { CONTAINERS_REGISTRIES_CONF: `${path}.not` });
    expect(missing.stderr).toContain("CONTAINERS_REGISTRIES_CONF names it");
  });

  test("credentials are each server's own", async () => {
    const headers = { "www-authenticate": "Basic" };
    for (const [registry, accepted] of [
      [mirror, btoa("m:for-the-mirror")],
      [origin, btoa("o:for-the-origin")],
    ] as const) {
      registry.rules.push((request) =>
        request.headers.authorization === `Basic ${accepted}` ? undefined : { status: 401, headers },
      );
    }
    origin.addImage("team/app", image());
    conf(`[[registry]]\nlocation = "${origin.host}"\n[[registry.mirror]]\nlocation = "${mirror.host}"\n`);
    const authfile = join(scratch, "auth.json");
    const auths = {
      [mirror.host]: { auth: btoa("m:for-the-mirror") },
      [origin.host]: { auth: btoa("o:for-the-origin") },
    };
    writeFileSync(authfile, JSON.stringify({ auths }));
    const { code } = await currunt.run(["pull", "-quiet", "-authfile", authfile, `${origin.host}/team/app`], {
      env: { CURRUNT_ETC: etc },
    });
    expect(code).toBe(0);
    const sent = ({ requests }: FakeRegistry) =>
      new Set(requests.map(({ headers: { authorization } }) => authorization));
    expect(sent(mirror)).toEqual(new Set([undefined, `Basic ${btoa("m:for-the-mirror")}`]));
    expect(sent(origin)).toEqual(new Set([undefined, `Basic ${btoa("o:for-the-origin")}`]));
  });

  test("-creds is for the named registry, not for its mirrors", async () => {
    mirror.always(/./, { status: 401, headers: { "www-authenticate": "Basic" } });
    origin.rules.push(({ headers }) =>
      headers.authorization === undefined
        ? { status: 401, headers: { "www-authenticate": "Basic" } }
        : undefined,
    );
    origin.addImage("team/app", image());
    conf(`[[registry]]\nlocation = "${origin.host}"\n[[registry.mirror]]\nlocation = "${mirror.host}"\n`);
    const { code, stderr } = await currunt.run(
      ["pull", "-creds", "alice:hunter2", `${origin.host}/team/app`],
      { env: { CURRUNT_ETC: etc } },
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining("hunter2") });
    expect(mirror.requests.map(({ headers }) => headers.authorization)).not.toContain(
      `Basic ${btoa("alice:hunter2")}`,
    );
  });
});

describe("a real pull-through cache", () => {
  test("is filled by the first pull, and is enough for the next when the registry is gone", async () => {
    const { storage } = await sharedRegistry();
    await using upstream = await startRegistry({ storage });
    await using cache = await startRegistry({ cacheOf: `http://${upstream.host}` });
    configure(
      "containers/registries.conf",
      `[[registry]]\nlocation = "${upstream.host}"\n[[registry.mirror]]\nlocation = "${cache.host}"\n`,
    );
    await using first = await Currunt.create();
    await using second = await Currunt.create();
    const image = `${upstream.host}/layers:latest`;
    const options = { env: { CURRUNT_ETC: etc } };
    const { code, stdout: id } = await first.run(["pull", "-quiet", image], options);
    expect(code).toBe(0);
    await cache.settle();
    const blobs = cache.requests.filter((line) => /^GET .*\/blobs\/.* 200$/.test(line)).length;
    expect(blobs).toBeGreaterThan(1);
    await upstream.stop();
    const digest = await first.ok("images", "-format", "{{.Digest}}");
    const again = await second.run(["pull", "-quiet", `${image.replace(":latest", "")}@${digest}`], options);
    expect(again).toEqual({ code: 0, stdout: id, stderr: "" });
  });
});

describe("short names", () => {
  const conf = (text: string) => configure("containers/registries.conf", text);

  test("an alias is followed, with tag or digest, and found again without the registry", async () => {
    const { digest } = origin.addImage("team/tool", image(), { tag: "v1" });
    conf(`[aliases]\n"tool" = "${origin.host}/team/tool"\n`);
    await pulls("tool:v1");
    await pulls(`tool@${digest}`);
    const before = origin.log.length;
    const { stdout, stderr } = await currunt.run(
      ["create", "-network", "none", "-pull", "never", "tool:v1", "true"],
      { env: { CURRUNT_ETC: etc } },
    );
    expect(stdout + stderr).toMatch(/^[0-9a-f]{64}\n$/);
    await currunt.ok("rm", stdout.trim());
    expect(origin.log.length).toBe(before);
  });

  test("the registries to search are asked in their order", async () => {
    origin.addImage("app", image());
    conf(`unqualified-search-registries = ["${mirror.host}", "${origin.host}"]\n`);
    await pulls("app");
    expect(mirror.log).toEqual(["GET /v2/app/manifests/latest"]);
    const stderr = await refuses("nothing");
    expect(stderr).toContain("none of the registries has it");
    expect(stderr).toContain(mirror.host);
    expect(stderr).toContain(origin.host);
  });

  test("nothing is guessed where registries.conf says so", async () => {
    conf(`unqualified-search-registries = ["a.test", "b.test"]\nshort-name-mode = "enforcing"\n`);
    const stderr = await refuses("app");
    expect(stderr).toContain('"app" may be in any of a.test, b.test');
    expect(stderr).toContain("docker.io/library/app");
    conf("unqualified-search-registries = []\n");
    expect(await refuses("app")).toContain("has none to search");
  });
});

describe("hosts.toml", () => {
  const hosts = (text: string, registry = origin.host) =>
    configure(`containerd/certs.d/${registry}/hosts.toml`, text);

  test("a mirror is told which registry is meant, and its headers stay with it", async () => {
    mirror.addImage("team/app", image());
    await using store = await FakeRegistry.start();
    for (const [digest, bytes] of mirror.blobs) store.blobs.set(digest, bytes);
    mirror.rules.push(({ path }) =>
      path.includes("/blobs/")
        ? { status: 307, headers: { location: `${store.url}${path.replace(/\?.*/, "")}` } }
        : undefined,
    );
    hosts(`server = "http://${origin.host}"
[host."http://${mirror.host}"]
  capabilities = ["pull", "resolve"]
  [host."http://${mirror.host}".header]
    x-mirror-key = "s3cret"
`);
    await pulls(`${origin.host}/team/app`);
    expect(origin.log).toEqual([]);
    expect(mirror.log[0]).toBe(`GET /v2/team/app/manifests/latest?ns=${encodeURIComponent(origin.host)}`);
    expect(new Set(mirror.requests.map(({ headers }) => headers["x-mirror-key"]))).toEqual(
      new Set(["s3cret"]),
    );
    expect(store.requests.length).toBe(2);
    expect(store.requests.map(({ headers }) => headers["x-mirror-key"])).toEqual([undefined, undefined]);
  });

  test("a mirror that may not resolve tags gives blobs and digests only", async () => {
    origin.addImage("team/app", image());
    mirror.addImage("team/app", image());
    hosts(`[host."http://${mirror.host}"]\ncapabilities = ["pull"]\n`);
    await pulls(`${origin.host}/team/app`);
    expect(paths(origin)).toEqual(["GET /v2/team/app/manifests/latest"]);
    expect(paths(mirror).map((line) => line.replace(/\?.*/, ""))).toEqual([
      "GET /v2/team/app/blobs/DIGEST",
      "GET /v2/team/app/blobs/DIGEST",
    ]);
  });

  test("a path of the mirror's own is kept, another gets /v2 behind it; _default is for all", async () => {
    mirror.addImage("team/app", image());
    mirror.rules.push((request) => {
      const path = /^\/api\/oci\/(.*)$/.exec(request.path)?.[1];
      return path === undefined
        ? refuse(404, "X", "wrong path")
        : mirror.serve({ ...request, path: `/v2/${path}` });
    });
    hosts(`[host."http://${mirror.host}/api/oci"]\noverride_path = true\n`, "_default");
    await pulls(`${origin.host}/team/app`);
    expect(origin.log).toEqual([]);
    hosts(`[host."http://${mirror.host}/wrong"]\n`);
    await refuses(`${origin.host}/team/app`);
    expect(mirror.log.at(-1)).toContain("/wrong/v2/team/app/");
  });

  test("what cannot be understood is told without its secrets", async () => {
    hosts('[host."http://m.test"]\n[host."http://m.test".header]\nauthorization = ["Basic c2VjcmV0"\n');
    const stderr = await refuses(`${origin.host}/team/app`);
    expect(stderr).toContain(`certs.d/${origin.host}/hosts.toml": not TOML`);
    expect(stderr).not.toContain("c2VjcmV0");
  });
});

test("an image that is here starts whatever the configuration is worth", async () => {
  origin.addImage("team/app", image());
  await pulls(`${origin.host}/team/app`);
  configure("containers/registries.conf", "[[[");
  const { stdout, stderr } = await currunt.run(
    ["create", "-network", "none", `${origin.host}/team/app`, "true"],
    { env: { CURRUNT_ETC: etc } },
  );
  expect(stdout + stderr).toMatch(/^[0-9a-f]{64}\n$/);
  await currunt.ok("rm", stdout.trim());
});
