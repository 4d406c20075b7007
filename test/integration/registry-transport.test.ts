/** How registries are reached, through the executable: private authorities, client certificates, no TLS, proxies. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { archive } from "../fixtures/archive.ts";
import type { Certificates } from "../fixtures/certificates.ts";
import { makeCertificates } from "../fixtures/certificates.ts";
import { Currunt } from "../fixtures/currunt.ts";
import { FakeRegistry } from "../fixtures/fake-registry.ts";
import type { Output } from "../fixtures/process.ts";
import { startProxy } from "../fixtures/proxy.ts";

const scratch = mkdtempSync(join(tmpdir(), "currunt-transport-"));
/** A name that only a proxy can find. */
const far = "registry.test:5000";
let certificates: Certificates;
let currunt: Currunt;
let etc = "";
let serial = 0;
beforeAll(async () => {
  certificates = await makeCertificates(scratch, ["registry.test", "auth.test", "store.test"]);
  currunt = await Currunt.create();
});
afterAll(async () => {
  await currunt[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});
beforeEach(() => {
  etc = join(scratch, `etc${serial++}`);
});

function configure(path: string, content: string): void {
  mkdirSync(dirname(join(etc, path)), { recursive: true });
  writeFileSync(join(etc, path), content);
}

function copy(source: string, path: string): void {
  mkdirSync(dirname(join(etc, path)), { recursive: true });
  copyFileSync(source, join(etc, path));
}

function pull(name: string, flags: string[] = [], env: Record<string, string> = {}): Promise<Output> {
  return currunt.run(["pull", "-quiet", ...flags, name], { env: { CURRUNT_ETC: etc, ...env } });
}

/** A registry of one image, of which no other test has a layer. */
async function start(tls: boolean | { clientCa: string }): Promise<FakeRegistry> {
  const own = typeof tls === "boolean" ? {} : tls;
  const registry = await FakeRegistry.start(tls === false ? undefined : { ...certificates.server, ...own });
  registry.addImage("team/app", [archive({ name: "file", data: registry.host + serial })]);
  return registry;
}

const pulled = { code: 0, stdout: expect.stringMatching(/^sha256:[0-9a-f]{64}\n$/), stderr: "" };

describe("certificates", () => {
  test("of an unknown authority are refused, with the place for the right one", async () => {
    await using registry = await start(true);
    const { code, stderr } = await pull(`${registry.host}/team/app`);
    expect(code).toBe(125);
    expect(stderr).toMatch(/UNABLE_TO_VERIFY/);
    expect(stderr).toContain(`certs.d/${registry.host}/ca.crt`);
    expect(registry.requests).toEqual([]);
  });

  for (const place of ["containers/certs.d", "docker/certs.d", "containerd/certs.d"]) {
    test(`of an authority in ${place} are taken`, async () => {
      await using registry = await start(true);
      copy(certificates.ca, `${place}/${registry.host}/ca.crt`);
      expect(await pull(`${registry.host}/team/app`)).toEqual(pulled);
    });
  }

  test("of an authority that SSL_CERT_FILE names are taken", async () => {
    await using registry = await start(true);
    const result = await pull(`${registry.host}/team/app`, [], { SSL_CERT_FILE: certificates.ca });
    expect(result).toEqual(pulled);
  });

  test("for another name are refused", async () => {
    await using registry = await start(true);
    await using proxy = await startProxy(() => registry.port);
    copy(certificates.ca, "containers/certs.d/other.test/ca.crt");
    const { code, stderr } = await pull("other.test/team/app", [], { HTTPS_PROXY: proxy.url });
    expect(code).toBe(125);
    expect(stderr).toContain("ALTNAME");
  });

  test("of ours are shown to the registry, and to no other server that it sends us on to", async () => {
    await using registry = await start({ clientCa: certificates.ca });
    await using store = await start({ clientCa: certificates.ca });
    const blobs = new Map(registry.blobs);
    registry.always(/blobs/, ({ path }) => ({
      status: 307,
      headers: { location: `${store.url}${path}?signed=1` },
    }));
    for (const [digest, bytes] of blobs) store.blobs.set(digest, bytes);
    copy(certificates.ca, `containers/certs.d/${registry.host}/ca.crt`);
    copy(certificates.client.cert, `containers/certs.d/${registry.host}/client.cert`);
    copy(certificates.client.key, `containers/certs.d/${registry.host}/client.key`);
    expect(await pull(`${registry.host}/team/app`)).toEqual(pulled);
    expect(registry.requests.map(({ certified }) => certified)).not.toContain(false);
    expect(store.requests.length).toBeGreaterThan(0);
    expect(store.requests.map(({ certified }) => certified)).not.toContain(true);
  });

  test("without their key, and keys without theirs, are told by name", async () => {
    await using registry = await start(true);
    copy(certificates.client.cert, `containers/certs.d/${registry.host}/client.cert`);
    const { code, stderr } = await pull(`${registry.host}/team/app`);
    expect(code).toBe(125);
    expect(stderr).toContain(`${registry.host}/client.key": there is no such file`);
  });
});

describe("insecure registries", () => {
  test("-tls-verify=false takes any certificate, and plain http", async () => {
    for (const tls of [true, false]) {
      await using registry = await start(tls);
      await using proxy = await startProxy(() => registry.port);
      const env = { HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url };
      const { code, stderr } = await pull(`${far}/team/app`, [], env);
      expect(code).toBe(125);
      expect(stderr).toMatch(tls ? /UNABLE_TO_VERIFY/ : /connect to/);
      expect(await pull(`${far}/team/app`, ["-tls-verify=false"], env)).toEqual(pulled);
    }
  });

  test("registries.conf declares them too", async () => {
    await using registry = await start(false);
    await using proxy = await startProxy(() => registry.port);
    configure("containers/registries.conf", `[[registry]]\nlocation = "${far}"\ninsecure = true\n`);
    expect(await pull(`${far}/team/app`, [], { HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url })).toEqual(
      pulled,
    );
  });

  test("carelessness is for the named registry alone", async () => {
    await using registry = await start(true);
    await using store = await start(true);
    registry.always(/blobs/, ({ path }) => ({ status: 307, headers: { location: `${store.url}${path}` } }));
    const { code, stderr } = await pull(`${registry.host}/team/app`, ["-tls-verify=false"]);
    expect(code).toBe(125);
    expect(stderr).toMatch(/UNABLE_TO_VERIFY/);
    expect(store.requests).toEqual([]);
  });

  test("a password does not go over plain http to a token server elsewhere", async () => {
    await using registry = await start(false);
    await using proxy = await startProxy(() => registry.port);
    registry.always(/\/v2\//, {
      status: 401,
      headers: { "www-authenticate": 'Bearer realm="http://auth.test/token"' },
    });
    const env = { HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url };
    const { code, stderr } = await pull(
      `${far}/team/app`,
      ["-tls-verify=false", "-creds", "alice:hunter2"],
      env,
    );
    expect(code).toBe(125);
    expect(stderr).toContain("auth.test has no TLS");
    expect(stderr).not.toContain("hunter2");
    expect(proxy.log.join()).not.toContain("auth.test");
  });

  test("a registry on this machine may have TLS or not, without a word", async () => {
    await using registry = await start(true);
    const result = await pull(`${registry.host}/team/app`, [], { SSL_CERT_FILE: certificates.ca });
    expect(result).toEqual(pulled);
  });
});

describe("proxies", () => {
  test("are asked for registries and token servers, with their password, but not for those of NO_PROXY", async () => {
    await using registry = await start(true);
    await using proxy = await startProxy(() => registry.port);
    registry.rules.push(({ path, headers }) =>
      !path.startsWith("/v2/") || headers.authorization === "Bearer t"
        ? undefined
        : { status: 401, headers: { "www-authenticate": 'Bearer realm="https://auth.test/token"' } },
    );
    registry.always(/\/token/, { body: '{"token":"t"}' });
    const env = { SSL_CERT_FILE: certificates.ca, HTTPS_PROXY: proxy.url.replace("//", "//user:p%20w@") };
    expect(await pull(`${far}/team/app`, [], env)).toEqual(pulled);
    expect(new Set(proxy.log)).toEqual(new Set([`CONNECT ${far}`, "CONNECT auth.test:443"]));
    expect(new Set(proxy.authorizations)).toEqual(new Set([`Basic ${btoa("user:p w")}`]));
    const { code, stderr } = await pull(`${far}/team/app`, [], { ...env, NO_PROXY: ".test,10.0.0.0/8" });
    expect(code).toBe(125);
    expect(stderr).toContain("ENOTFOUND");
    expect(stderr).not.toContain("p%20w");
  });

  test("lower-case variables count too", async () => {
    await using registry = await start(true);
    await using proxy = await startProxy(() => registry.port);
    const env = { SSL_CERT_FILE: certificates.ca, https_proxy: proxy.url };
    expect(await pull(`${far}/team/app`, [], env)).toEqual(pulled);
    expect(proxy.log).toContain(`CONNECT ${far}`);
  });

  test("lead to Docker Hub by its own host", async () => {
    await using registry = await start(true);
    registry.addImage("library/app", [archive({ name: "hub" })]);
    await using proxy = await startProxy(() => registry.port);
    const env = { SSL_CERT_FILE: certificates.ca, HTTPS_PROXY: proxy.url };
    const { stderr } = await pull("app", [], env);
    // The test's certificate is for other names: that it was asked is enough.
    expect(stderr).toContain("ALTNAME");
    expect(proxy.log).toEqual(["CONNECT registry-1.docker.io:443"]);
  });
});
