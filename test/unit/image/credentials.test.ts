import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { explain } from "../../../src/base/error.ts";
import { findCredentials } from "../../../src/image/credentials.ts";

const root = mkdtempSync(join(tmpdir(), "currunt-credentials-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let home = "";
let count = 0;
let warnings: string[] = [];
beforeEach(() => {
  home = join(root, String(count++));
  warnings = [];
});

function write(path: string, content: unknown): string {
  const file = join(home, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  return file;
}

const auth = (user: string, password: string) => ({
  auth: Buffer.from(`${user}:${password}`).toString("base64"),
});
const find = (name: string, env: Record<string, string> = {}) => {
  const slash = name.indexOf("/");
  return findCredentials(
    { registry: name.slice(0, slash), repository: name.slice(slash + 1) },
    {
      env: { PATH: join(home, "bin"), ...env },
      home,
      uid: 12345678,
      onWarning: (message) => warnings.push(message),
    },
  );
};
const password = (username: string, secret: string) => ({
  kind: "password" as const,
  username,
  password: secret,
});

/** A credential helper that answers with the script. */
function helper(name: string, script: string): void {
  const path = write(`bin/docker-credential-${name}`, `#!/bin/sh\nread -r server\n${script}\n`);
  chmodSync(path, 0o755);
}

describe("findCredentials()", () => {
  test("finds nothing where there is nothing", async () => {
    expect(await find("quay.io/a/b")).toBeUndefined();
  });

  test("reads docker's config.json, also where DOCKER_CONFIG says", async () => {
    write(".docker/config.json", { auths: { "quay.io": auth("u", "p:w:d") }, HttpHeaders: {} });
    expect(await find("quay.io/a/b")).toEqual(password("u", "p:w:d"));
    write("other/config.json", { auths: { "quay.io": { username: "x", password: "" } } });
    expect(await find("quay.io/a/b", { DOCKER_CONFIG: join(home, "other") })).toEqual(password("x", ""));
  });

  test("knows Docker Hub by its old name", async () => {
    write(".docker/config.json", { auths: { "https://index.docker.io/v1/": auth("hub", "p") } });
    expect(await find("docker.io/library/busybox")).toEqual(password("hub", "p"));
    expect(await find("quay.io/a")).toBeUndefined();
  });

  test("takes podman's auth.json before docker's, the runtime one first", async () => {
    write(".docker/config.json", { auths: { "quay.io": auth("docker", "p") } });
    write(".config/containers/auth.json", { auths: { "quay.io": auth("config", "p") } });
    expect(await find("quay.io/a")).toEqual(password("config", "p"));
    write("run/containers/auth.json", { auths: { "quay.io": auth("runtime", "p") } });
    expect(await find("quay.io/a", { XDG_RUNTIME_DIR: join(home, "run") })).toEqual(password("runtime", "p"));
  });

  test("takes REGISTRY_AUTH_FILE alone when it is set, and misses it when it is not there", async () => {
    write(".docker/config.json", { auths: { "quay.io": auth("docker", "p") } });
    const file = write("given.json", { auths: {} });
    expect(await find("quay.io/a", { REGISTRY_AUTH_FILE: file })).toBeUndefined();
    await expect(find("quay.io/a", { REGISTRY_AUTH_FILE: `${file}x` })).rejects.toThrow(
      "read the credentials",
    );
  });

  test("prefers the longest path", async () => {
    write(".docker/config.json", {
      auths: {
        "quay.io": auth("host", "p"),
        "quay.io/a": auth("space", "p"),
        "quay.io/a/b": auth("repository", "p"),
        "quay.io/ab": auth("no", "p"),
      },
    });
    expect(await find("quay.io/a/b")).toEqual(password("repository", "p"));
    expect(await find("quay.io/a/c/d")).toEqual(password("space", "p"));
    expect(await find("quay.io/abc")).toEqual(password("host", "p"));
  });

  test("understands keys that are URLs, padding that is missing, and NULs at the end", async () => {
    write(".docker/config.json", {
      auths: {
        "https://a.io/v1/": auth("a", "p"),
        "http://b.io/v2/": { auth: Buffer.from("b:p\0\0").toString("base64").replace(/=+$/, "") },
        "c.io:5000/": auth("c", "p"),
      },
    });
    expect(await find("a.io/x")).toEqual(password("a", "p"));
    expect(await find("b.io/x")).toEqual(password("b", "p"));
    expect(await find("c.io:5000/x")).toEqual(password("c", "p"));
  });

  test("tells tokens from passwords", async () => {
    write(".docker/config.json", {
      auths: {
        "a.io": { ...auth("u", "p"), identitytoken: "i" },
        "b.io": { registrytoken: "r" },
        "c.io": {},
      },
    });
    expect(await find("a.io/x")).toEqual({ kind: "identity-token", token: "i" });
    expect(await find("b.io/x")).toEqual({ kind: "registry-token", token: "r" });
    expect(await find("c.io/x")).toBeUndefined();
  });

  test("reads the old ~/.dockercfg", async () => {
    write(".dockercfg", { "a.io": auth("old", "p") });
    expect(await find("a.io/x")).toEqual(password("old", "p"));
  });

  test("names the file that it cannot read, and shows nothing of it", async () => {
    for (const content of [
      '{"auths": {"a.io": {"auth": "c2VjcmV0OnNlY3JldA',
      { auths: { "a.io": { auth: 42 } } },
    ]) {
      const file = write(".docker/config.json", content);
      const message = await find("a.io/x").then(String, explain);
      expect(message).toContain(file);
      expect(message).not.toContain("c2Vj");
      expect(message).not.toContain("42");
    }
    write(".docker/config.json", { auths: { "a.io": { auth: "c2VjcmV0" } } });
    await expect(find("a.io/x")).rejects.toThrow('bad "auth"');
  });
});

describe("credential helpers", () => {
  test("one for the host comes before everything else, and is asked with the host", async () => {
    write(".docker/config.json", {
      auths: { "a.io": auth("file", "p") },
      credHelpers: { "a.io": "test" },
      credsStore: "none",
    });
    helper(
      "test",
      `[ "$1" = get ] && printf '{"ServerURL":"%s","Username":"%s","Secret":"s"}' "$server" "$server"`,
    );
    expect(await find("a.io/x")).toEqual(password("a.io", "s"));
  });

  test("a store gives identity tokens too", async () => {
    write(".docker/config.json", { credsStore: "test" });
    helper("test", `printf '{"Username":"<token>","Secret":"idt"}'`);
    expect(await find("a.io/x")).toEqual({ kind: "identity-token", token: "idt" });
  });

  test("one that has nothing means anonymous", async () => {
    write(".docker/config.json", { credHelpers: { "a.io": "test" } });
    helper("test", "echo 'credentials not found in native keychain'; exit 1");
    expect(await find("a.io/x")).toBeUndefined();
  });

  test("a missing store is a warning, a missing helper of the host an error", async () => {
    write(".docker/config.json", { credsStore: "desktop", auths: { "a.io": auth("file", "p") } });
    expect(await find("a.io/x")).toEqual(password("file", "p"));
    expect(warnings.join()).toContain("desktop");
    write(".docker/config.json", { credHelpers: { "a.io": "gone" } });
    await expect(find("a.io/x")).rejects.toThrow("it is not installed");
  });

  test("failures and nonsense are told without what they printed beside", async () => {
    write(".docker/config.json", { credHelpers: { "a.io": "test", "b.io": "../../bin/sh" } });
    helper("test", "echo 'the key ring is locked'; echo secret >&2; exit 1");
    expect(await find("a.io/x").then(String, explain)).toBe(
      'ask credential helper "test" for a.io: it failed: the key ring is locked',
    );
    helper("test", 'echo \'{"Secret":"topsecret"\'');
    const message = await find("a.io/x").then(String, explain);
    expect(message).toContain("cannot be understood");
    expect(message).not.toContain("topsecret");
    await expect(find("b.io/x")).rejects.toThrow("bad name");
  });
});
