/** The registry client against a registry that misbehaves in every way that was seen in the field. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { explain, hintOf } from "../../src/base/error.ts";
import { manifestTypes } from "../../src/image/media-type.ts";
import { parseReference } from "../../src/image/reference.ts";
import { RegistryClient } from "../../src/image/registry.ts";
import type { RegistryOptions } from "../../src/image/registry-connection.ts";
import type { Answer } from "../fixtures/fake-registry.ts";
import { digestOf, FakeRegistry, ociManifest, refuse } from "../fixtures/fake-registry.ts";

let registry: FakeRegistry;
beforeEach(async () => {
  registry = await FakeRegistry.start();
});
afterEach(() => registry[Symbol.asyncDispose]());

const patience = { baseDelayMs: 5, maxDelayMs: 3_000, idleMs: 400, attempts: 4 };
const secret = "hunter2-is-secret";
const user = { kind: "password", username: "alice", password: secret } as const;
const document = { schemaVersion: 2, mediaType: ociManifest, config: {}, layers: [] };

function client(options: RegistryOptions = {}, repository = "team/app"): RegistryClient {
  return new RegistryClient(parseReference(`${registry.host}/${repository}`), { patience, ...options });
}

async function failure(promise: Promise<unknown>): Promise<{ text: string; hint: string; kind: string }> {
  try {
    await promise;
  } catch (error) {
    return {
      text: explain(error),
      hint: hintOf(error) ?? "",
      kind: error instanceof Error && "kind" in error ? String(error.kind) : "",
    };
  }
  throw new Error("it did not fail");
}

async function read(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  return Buffer.from(await new Response(stream).arrayBuffer());
}

describe("manifest()", () => {
  test("asks with GET for all six types by name and wants the bytes as they are", async () => {
    const { digest } = registry.addManifest("team/app", document);
    const fetched = await client().manifest("latest");
    expect(fetched.digest).toBe(digest);
    expect(registry.log).toEqual(["GET /v2/team/app/manifests/latest"]);
    expect(registry.requests[0]?.headers.accept).toBe(manifestTypes.join(", "));
    expect(registry.requests[0]?.headers["accept-encoding"]).toBe("identity");
    expect(registry.requests[0]?.headers.authorization).toBeUndefined();
    expect(registry.requests[0]?.headers["user-agent"]).toMatch(/^currunt\//);
  });

  test("takes a wrong, generic or missing Content-Type as it comes", async () => {
    registry.addManifest("team/app", document, "text/plain; charset=utf-8");
    expect((await client().manifest("latest")).contentType).toBe("text/plain");
  });

  test("refuses content that is not what the digest says", async () => {
    const other = registry.addManifest("team/app", { ...document, annotations: {} });
    registry.manifests.set(`team/app@${digestOf("x")}`, { bytes: Buffer.from("{}"), mediaType: ociManifest });
    const { text } = await failure(client().manifest(digestOf("x")));
    expect(text).toContain("its digest is");
    registry.once(/manifests/, { headers: { "docker-content-digest": digestOf("y") }, body: "{}" });
    expect((await failure(client().manifest("latest"))).text).toContain("the registry announced");
    expect((await client().manifest(other.digest)).digest).toBe(other.digest);
  });

  test("asks again when the connection breaks in the middle, and tells when it does not help", async () => {
    const { digest } = registry.addManifest("team/app", document);
    const cut = { body: JSON.stringify(document), cutAfter: 10 };
    registry.once(/manifests/, cut);
    expect((await client().manifest("latest")).digest).toBe(digest);
    registry.always(/manifests/, cut);
    const { text, hint, kind } = await failure(client().manifest("latest"));
    expect(text).toMatch(/^get the manifest of ".*team\/app:latest": the answer broke off: /);
    expect(hint).toContain("try again");
    expect(kind).toBe("unavailable");
    expect(registry.log.length).toBe(2 + patience.attempts);
  });

  test("checks the digest whatever the registry calls the type", async () => {
    const type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    registry.manifests.set(`team/app@${digestOf("x")}`, { bytes: Buffer.from("{}"), mediaType: type });
    expect((await failure(client().manifest(digestOf("x")))).text).toContain("its digest is");
  });

  test("refuses one that is larger than 4 MiB without reading it all", async () => {
    registry.always(/manifests/, { body: Buffer.alloc(6 << 20, 32), chunked: true });
    expect(await failure(client().manifest("latest"))).toMatchObject({
      kind: "invalid",
      text: expect.stringContaining("larger than 4 MiB"),
    });
  });

  test("decodes a body that a proxy compressed unasked", async () => {
    const { digest } = registry.addManifest("team/app", document);
    const body = gzipSync(JSON.stringify(document));
    registry.once(/manifests/, {
      headers: { "content-encoding": "gzip", "docker-content-digest": digest },
      body,
    });
    expect((await client().manifest("latest")).digest).toBe(digest);
  });

  test("tells a Warning header once", async () => {
    registry.addManifest("team/app", document);
    registry.rules.push((request) => ({
      ...registry.serve(request),
      headers: { warning: '299 - "brown-out on Monday"' },
    }));
    const warnings: string[] = [];
    const asking = client({ onWarning: (message) => warnings.push(message) });
    await asking.manifest("latest");
    await asking.manifest("latest");
    expect(warnings).toEqual([`${registry.host}: brown-out on Monday`]);
  });
});

describe("refusals", () => {
  const cases: [name: string, answer: Answer, kind: string, text: RegExp, hint: RegExp][] = [
    [
      "404 of a tag",
      refuse(404, "MANIFEST_UNKNOWN", "manifest unknown"),
      "not-found",
      /manifest unknown/,
      /no such tag/,
    ],
    [
      "404 of a name",
      refuse(404, "NAME_UNKNOWN", "repository name not known"),
      "not-found",
      /not known/,
      /no such repository/,
    ],
    [
      "404 of something else",
      { status: 404, body: "<html>nothing</html>" },
      "not-found",
      /answered 404$/,
      /container registry/,
    ],
    ["403", refuse(403, "DENIED", "requested access is denied"), "denied", /access is denied/, /owner/],
    [
      "401 without a challenge",
      refuse(401, "UNAUTHORIZED", "who are you"),
      "denied",
      /who are you/,
      /credentials for 127/,
    ],
    [
      "429 for an hour",
      refuse(429, "TOOMANYREQUESTS", "You have reached your pull rate limit.", { "retry-after": "3600" }),
      "unavailable",
      /rate limit/,
      /limit is higher for users/,
    ],
    ["500 for ever", { status: 500 }, "unavailable", /answered 500/, /try again later/],
    [
      "a terminal escape",
      refuse(404, "X", "\u001b[2Jgone\u0007"),
      "not-found",
      /answered 404: \[2Jgone$/,
      /check/,
    ],
  ];
  for (const [name, answer, kind, text, hint] of cases) {
    test(`${name} is told with a remedy`, async () => {
      registry.always(/manifests/, answer);
      const seen = await failure(client().manifest("latest"));
      expect(seen.kind).toBe(kind);
      expect(seen.text).toMatch(text);
      expect(seen.text).toContain(registry.host);
      expect(seen.hint).toMatch(hint);
    });
  }

  test("nobody listening fails at once and names the host", async () => {
    const { host } = registry;
    const asking = client({ patience: { ...patience, baseDelayMs: 10_000 } });
    await registry[Symbol.asyncDispose]();
    const seen = await failure(asking.manifest("latest"));
    expect(seen).toMatchObject({ kind: "unavailable", text: expect.stringContaining(`connect to ${host}`) });
    expect(seen.hint).toContain("that the registry runs");
    registry = await FakeRegistry.start();
  });
});

describe("retries", () => {
  test("try again after 500, 502, 503, 504 and give the answer", async () => {
    registry.addManifest("team/app", document);
    registry.once(/manifests/, { status: 503 });
    registry.once(/manifests/, { status: 502 });
    await client().manifest("latest");
    expect(registry.log.length).toBe(3);
  });

  test("wait as long as Retry-After says", async () => {
    registry.addManifest("team/app", document);
    registry.once(/manifests/, { status: 429, headers: { "retry-after": "1" } });
    const start = performance.now();
    await client().manifest("latest");
    expect(performance.now() - start).toBeGreaterThan(950);
  });

  test("stop when the caller does", async () => {
    registry.always(/manifests/, { status: 503, headers: { "retry-after": "2" } });
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error("stopped by hand")), 50);
    expect((await failure(client({ signal: stop.signal }).manifest("latest"))).text).toBe("stopped by hand");
  });

  test("give up on a server that never answers", async () => {
    registry.always(/manifests/, { body: "x".repeat(100), stallAfter: 10 });
    const seen = await failure(
      client({ patience: { ...patience, attempts: 1, idleMs: 100 } }).manifest("latest"),
    );
    expect(seen.text).toContain("no data for 0.1 s");
  });
});

describe("authorization", () => {
  /** Protects everything but the token server; `accepts` is the header that opens it. */
  function protect(challenge: string | string[], accepts: (header: string) => boolean): void {
    registry.rules.push((request) => {
      if (!request.path.startsWith("/v2/") || accepts(request.headers.authorization ?? "")) return undefined;
      return {
        ...refuse(401, "UNAUTHORIZED", "authentication required"),
        headers: { "www-authenticate": challenge },
      };
    });
  }
  const basic = `Basic ${Buffer.from(`alice:${secret}`).toString("base64")}`;
  const bearer = () =>
    `Bearer realm="${registry.url}/token",service="reg, \\"quoted\\"",scope="repository:team/app:pull,push"`;

  beforeEach(() => {
    registry.addManifest("team/app", document);
  });

  test("Basic is sent after it was asked for", async () => {
    protect('basic realm="x"', (header) => header === basic);
    await client({ credentials: user }).manifest("latest");
    expect(registry.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, basic]);
  });

  test("a wrong Basic password is told without it, also when the server repeats it", async () => {
    registry.always(/v2/, (request) => ({
      status: 401,
      headers: { "www-authenticate": "Basic" },
      body: JSON.stringify({
        errors: [{ code: "DENIED", message: `bad ${request.headers.authorization ?? ""} ${secret}` }],
      }),
    }));
    const { text, hint, kind } = await failure(client({ credentials: user }).manifest("latest"));
    expect(kind).toBe("denied");
    expect(hint).toContain("log in");
    expect(text + hint).not.toContain(secret);
    expect(text + hint).not.toContain(basic.slice(6));
  });

  test("Bearer asks the realm for our scope first, with service, and keeps the token", async () => {
    protect(bearer(), (header) => header === "Bearer t0ken");
    registry.always(/GET \/token/, { body: JSON.stringify({ token: "t0ken" }) });
    const asking = client();
    await asking.manifest("latest");
    await Promise.all([asking.manifest("latest"), asking.manifest("latest")]);
    const asked = registry.requests.filter(({ path }) => path.startsWith("/token"));
    expect(asked.length).toBe(1);
    const query = new URL(asked[0]?.path ?? "", registry.url).searchParams;
    expect(query.get("service")).toBe('reg, "quoted"');
    expect(query.getAll("scope")).toEqual(["repository:team/app:pull", "repository:team/app:pull,push"]);
    expect(asked[0]?.headers.authorization).toBeUndefined();
  });

  test("Bearer is preferred to Basic, in one header or in two, and its own scope is sent when the challenge has none", async () => {
    const forms: (string | string[])[] = [
      `Bearer realm="${registry.url}/token", Basic realm="gitea"`,
      ["Basic", `bearer Realm="${registry.url}/token"`],
    ];
    for (const form of forms) {
      registry.rules.length = 0;
      protect(form, (header) => header === "Bearer b");
      registry.always(/GET \/token\?scope=repository%3Ateam%2Fapp%3Apull$/, {
        body: JSON.stringify({ access_token: "b" }),
      });
      await client().manifest("latest");
    }
  });

  test("credentials go to the realm as Basic with the account", async () => {
    protect(bearer(), (header) => header === "Bearer a");
    registry.always(/GET \/token.*account=alice/, (request) =>
      request.headers.authorization === basic ? { body: '{"token":"a"}' } : { status: 401 },
    );
    await client({ credentials: user }).manifest("latest");
  });

  test("refused credentials are left out once, with a warning (quay and public images)", async () => {
    protect(bearer(), (header) => header === "Bearer anonymous");
    registry.always(/\/token/, (request) =>
      request.headers.authorization === undefined && request.method === "GET"
        ? { body: '{"token":"anonymous"}' }
        : { status: 401 },
    );
    const warnings: string[] = [];
    await client({ credentials: user, onWarning: (message) => warnings.push(message) }).manifest("latest");
    expect(warnings.join()).toContain("refused the credentials");
    expect(warnings.join()).not.toContain(secret);
  });

  test("an identity token is exchanged by POST", async () => {
    protect(bearer(), (header) => header === "Bearer exchanged");
    registry.always(/POST \/token/, ({ body }) => {
      const fields = new URLSearchParams(body);
      const right = fields.get("grant_type") === "refresh_token" && fields.get("refresh_token") === "idt";
      return right && fields.get("scope")?.startsWith("repository:team/app:pull")
        ? { body: '{"access_token":"exchanged"}' }
        : { status: 401 };
    });
    await client({ credentials: { kind: "identity-token", token: "idt" } }).manifest("latest");
  });

  test("credentials in a form do not follow the token server to another one", async () => {
    await using elsewhere = await FakeRegistry.start();
    protect(bearer(), (header) => header === "Bearer exchanged");
    elsewhere.always(/./, { body: '{"access_token":"exchanged"}' });
    for (const status of [302, 307, 308]) {
      registry.once(/POST \/token/, { status, headers: { location: `${elsewhere.url}/token` } });
      const asked = client({ credentials: { kind: "identity-token", token: secret } }).manifest("latest");
      const { text, kind } = await failure(asked);
      expect(text).toContain(`wants the credentials sent to ${elsewhere.host}`);
      expect(kind).toBe("denied");
    }
    expect(elsewhere.requests).toEqual([]);
  });

  test("a registry token is sent as it is, from the first request on", async () => {
    protect(bearer(), (header) => header === "Bearer raw");
    await client({ credentials: { kind: "registry-token", token: "raw" } }).manifest("latest");
    expect(registry.log.length).toBe(1);
  });

  test("a token that ended on the way is renewed", async () => {
    let valid = "one";
    protect(bearer(), (header) => header === `Bearer ${valid}`);
    registry.always(/\/token/, () => ({ body: JSON.stringify({ token: valid, expires_in: 300 }) }));
    const asking = client();
    await asking.manifest("latest");
    valid = "two";
    await asking.manifest("latest");
    expect(registry.log.filter((line) => line.includes("/token")).length).toBe(2);
  });

  test("a 401 without a challenge is cleared up at /v2/", async () => {
    registry.rules.push((request) => {
      if (request.headers.authorization === "Bearer p" || request.path.startsWith("/token")) return undefined;
      return request.path === "/v2/"
        ? { status: 401, headers: { "www-authenticate": bearer() } }
        : { status: 401 };
    });
    registry.always(/\/token/, { body: '{"token":"p"}' });
    await client().manifest("latest");
  });

  const badAnswers: [name: string, answer: Answer, text: RegExp][] = [
    ["no JSON", { body: `<html>${secret}</html>` }, /not JSON/],
    ["no token", { body: "{}" }, /has no token/],
    ["a token that splits headers", { body: JSON.stringify({ token: "a\r\nX: y" }) }, /no header can carry/],
    ["403", { status: 403 }, /answered 403/],
    ["more than it should", { body: "x".repeat(2 << 20) }, /too long/],
  ];
  for (const [name, answer, text] of badAnswers) {
    test(`a token server that answers with ${name} is told`, async () => {
      protect(bearer(), () => false);
      registry.always(/\/token/, answer);
      const seen = await failure(client({ credentials: user }).manifest("latest"));
      expect(seen.text).toMatch(text);
      expect(seen.text).not.toContain(secret);
    });
  }
});

describe("redirects", () => {
  test("another origin gets neither token nor cookie, but the range", async () => {
    await using store = await FakeRegistry.start();
    const blob = registry.addBlob("content");
    registry.addManifest("team/app", document);
    registry.rules.push((request) => {
      if (request.headers.authorization !== "Bearer raw") return { status: 401 };
      return request.path.includes("/blobs/")
        ? { status: 307, headers: { location: `${store.url}/bucket?signature=s` } }
        : undefined;
    });
    store.always(/bucket/, { body: "content" });
    const asking = client({ credentials: { kind: "registry-token", token: "raw" } });
    expect((await read(asking.blob(blob))).toString()).toBe("content");
    expect(registry.requests.at(-1)?.headers.authorization).toBe("Bearer raw");
    expect(store.requests[0]?.headers.authorization).toBeUndefined();
    expect(store.requests[0]?.headers["accept-encoding"]).toBe("identity");
  });

  test("the same origin keeps the token", async () => {
    const blob = registry.addBlob("content");
    registry.once(/blobs/, { status: 302, headers: { location: "/elsewhere" } });
    registry.always(/elsewhere/, (request) =>
      request.headers.authorization === "Bearer raw" ? { body: "content" } : { status: 403 },
    );
    await read(client({ credentials: { kind: "registry-token", token: "raw" } }).blob(blob));
  });

  test("loops, other schemes and plain http elsewhere are refused", async () => {
    const targets: [location: string, text: RegExp][] = [
      ["", /more than 10 redirects/],
      ["file:///etc/passwd", /no web address/],
      ["http://192.0.2.1/x", /without TLS/],
    ];
    for (const [location, text] of targets) {
      registry.rules.length = 0;
      registry.always(/./, { status: 307, headers: { location: location || `${registry.url}/again` } });
      expect((await failure(client().manifest("latest"))).text).toMatch(text);
    }
  });
});

describe("blob()", () => {
  const content = randomBytes(3 << 20);

  test("resumes with a range where the connection was cut", async () => {
    const blob = registry.addBlob(content);
    registry.once(/blobs/, { body: content, cutAfter: 1 << 20 });
    registry.once(/blobs/, ({ headers }) => {
      const start = Number(/\d+/.exec(headers.range ?? "")?.[0]);
      return {
        status: 206,
        headers: { "content-range": `bytes ${start}-${content.length - 1}/${content.length}` },
        body: content.subarray(start),
        cutAfter: 1 << 20,
      };
    });
    const warnings: string[] = [];
    let restarts = 0;
    const stream = client({ onWarning: (message) => warnings.push(message) }).blob(blob, {
      onRestart: () => restarts++,
    });
    expect((await read(stream)).equals(content)).toBe(true);
    expect(registry.log.length).toBe(3);
    expect(registry.requests[1]?.headers.range).toMatch(/^bytes=\d+-$/);
    expect(restarts).toBe(2);
    expect(warnings[0]).toContain("resuming");
  });

  test("resumes at a registry that knows no ranges by reading over what it has", async () => {
    const blob = registry.addBlob(content);
    registry.once(/blobs/, { body: content, cutAfter: 2 << 20 });
    registry.always(/blobs/, { body: content });
    expect((await read(client().blob(blob))).equals(content)).toBe(true);
  });

  test("takes a body that ends early, without Content-Length, for a cut", async () => {
    const blob = registry.addBlob(content);
    registry.once(/blobs/, { body: content.subarray(0, 1000), chunked: true });
    expect((await read(client().blob(blob))).equals(content)).toBe(true);
  });

  test("resumes after a silence, and waits for a slow but living server", async () => {
    const small = randomBytes(200_000);
    const blob = registry.addBlob(small);
    registry.once(/blobs/, { body: small, stallAfter: 1000 });
    registry.always(/blobs/, (request) => ({ ...registry.serve(request), dripBytes: 1000 }));
    const asking = client({ patience: { ...patience, idleMs: 150 } });
    expect((await read(asking.blob(blob))).equals(small)).toBe(true);
  });

  test("gives up when nothing more comes", async () => {
    const blob = registry.addBlob(content);
    registry.always(/blobs/, { body: content, cutAfter: 10 });
    const { text, kind, hint } = await failure(read(client().blob(blob)));
    expect(text).toContain(`cut off after`);
    expect(kind).toBe("unavailable");
    expect(hint).toContain("network");
  });

  test("refuses other content, more content, and another length at once", async () => {
    const blob = registry.addBlob(content);
    registry.once(/blobs/, { body: Buffer.alloc(content.length) });
    expect((await failure(read(client().blob(blob)))).text).toContain("its digest is");
    registry.once(/blobs/, { body: Buffer.alloc(content.length + 1), chunked: true });
    expect((await failure(read(client().blob(blob)))).text).toContain("more than the promised");
    registry.once(/blobs/, { body: Buffer.alloc(10) });
    expect((await failure(read(client().blob(blob)))).text).toContain("the registry has 10 bytes");
    expect(registry.log.length).toBe(3);
  });

  test("gives the bytes of a body labelled with an encoding as they are", async () => {
    const packed = gzipSync("layer");
    const blob = registry.addBlob(packed);
    registry.once(/blobs/, { headers: { "content-encoding": "gzip" }, body: packed });
    expect((await read(client().blob(blob))).equals(packed)).toBe(true);
  });

  test("takes inline data without asking, and checks it", async () => {
    const blob = registry.addBlob("inline");
    registry.blobs.clear();
    const data = Buffer.from("inline").toString("base64");
    expect((await read(client().blob({ ...blob, data }))).toString()).toBe("inline");
    expect((await failure(read(client().blob({ ...blob, data: "AAAA" })))).text).toContain("verify blob");
    expect(registry.log).toEqual([]);
  });

  test("asks foreign urls without authorization when the registry has no such blob", async () => {
    await using elsewhere = await FakeRegistry.start();
    const blob = elsewhere.addBlob("foreign");
    elsewhere.always(/layer/, { body: "foreign" });
    const urls = ["ftp://example.org/x", `http://user:${secret}@${elsewhere.host}/layer`];
    const asking = client({ credentials: { kind: "registry-token", token: "raw" } });
    expect((await read(asking.blob({ ...blob, urls }))).toString()).toBe("foreign");
    expect(elsewhere.requests[0]?.headers.authorization).toBeUndefined();
  });

  test("reads no further than its consumer, so that memory stays flat", async () => {
    const size = 256 << 20;
    const piece = Buffer.alloc(1 << 20);
    let sent = 0;
    await using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () =>
        new Response(
          new ReadableStream({
            async pull(controller) {
              if (sent >= size) return controller.close();
              sent += piece.length;
              controller.enqueue(piece);
            },
          }),
        ),
    });
    const asking = new RegistryClient(parseReference(`127.0.0.1:${server.port}/a`), { patience });
    const reader = asking.blob({ mediaType: "", digest: digestOf("x"), size }).getReader();
    await reader.read();
    await Bun.sleep(200);
    expect(sent).toBeLessThan(64 << 20);
    await reader.cancel();
  });
});
