/** Pull from a real registry in every format and with every kind of authentication; each image then runs. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Currunt } from "../fixtures/currunt.ts";
import type { ImageName } from "../fixtures/images.ts";
import { imageTags } from "../fixtures/images.ts";
import type { Registry } from "../fixtures/registry.ts";
import { registryUser, startRegistry } from "../fixtures/registry.ts";
import { debianImage, sharedRegistry } from "../fixtures/shared-registry.ts";

const formats = (Object.keys(imageTags) as ImageName[]).filter((name) => name !== "foreign:latest");
const [repository, secret] = [
  "busybox:latest",
  Buffer.from(`${registryUser.name}:${registryUser.password}`).toString("base64"),
];

/** Writes docker's credentials file for `host`. */
async function writeCredentials(currunt: Currunt, host: string, auth: string): Promise<void> {
  await mkdir(join(currunt.home, ".docker"), { recursive: true });
  await writeFile(join(currunt.home, ".docker/config.json"), JSON.stringify({ auths: { [host]: { auth } } }));
}

describe("pull", () => {
  for (const name of formats) {
    test(`${name} (${imageTags[name]}) pulls and runs`, async () => {
      await using currunt = await Currunt.create();
      const image = await currunt.pull(name);
      const { stdout, stderr, code } = await currunt.run([
        ...["run", "-rm", "-network", "none", "-pull", "never", "-entrypoint", "", image],
        ...["sh", "-c", "cat /architecture 2>/dev/null; tail -n 1 /etc/group"],
      ]);
      expect({ stdout, stderr, code }).toEqual({ stdout: "alice:x:1000:\n", stderr: "", code: 0 });
    });
  }

  test("prints the same image ID for the same content, whatever the manifest's format", async () => {
    await using currunt = await Currunt.create();
    const ids: string[] = [];
    for (const name of ["busybox:latest", "busybox:docker"] as const) {
      ids.push(await currunt.ok("pull", "-quiet", await currunt.image(name)));
    }
    for (const id of ids) expect(id).toMatch(/^(sha256:)?[0-9a-f]{64}$/);
    expect(readdirSync(join(currunt.data, "layers"))).toHaveLength(1);
  });

  test("a second pull transfers no blob", async () => {
    await using currunt = await Currunt.create();
    await using registry = await startRegistry({ storage: (await sharedRegistry()).storage });
    await currunt.ok("pull", "-quiet", `${registry.host}/${repository}`);
    await registry.settle();
    const first = registry.requests.length;
    expect(registry.requests.filter((line) => line.includes("/blobs/"))).not.toEqual([]);
    await currunt.ok("pull", "-quiet", `${registry.host}/${repository}`);
    await registry.settle();
    expect(registry.requests.slice(first).filter((line) => line.includes("/blobs/"))).toEqual([]);
  });

  test("an image that shares layers transfers only the others", async () => {
    await using currunt = await Currunt.create();
    await using registry = await startRegistry({ storage: (await sharedRegistry()).storage });
    await currunt.ok("pull", "-quiet", `${registry.host}/busybox:latest`);
    await registry.settle();
    const first = registry.requests.length;
    await currunt.ok("pull", "-quiet", `${registry.host}/layers:latest`);
    await registry.settle();
    // The configuration and three layers.
    expect(
      registry.requests.slice(first).filter((line) => /^GET .*\/blobs\/.* 200$/.test(line)),
    ).toHaveLength(4);
  });

  test("-platform chooses from an index and from a list", async () => {
    for (const name of ["busybox:index", "busybox:list"] as const) {
      await using currunt = await Currunt.create();
      const image = await currunt.image(name);
      await currunt.ok("pull", "-quiet", "-platform", "linux/arm64", image);
      const { stdout } = await currunt.run([
        ...["run", "-rm", "-network", "none", "-platform", "linux/arm64", image, "cat", "/architecture"],
      ]);
      expect(stdout).toBe("arm64\n");
    }
  });

  test("a platform that is not there is refused with those that are", async () => {
    await using currunt = await Currunt.create();
    const { code, stderr } = await currunt.run([
      "pull",
      "-platform",
      "linux/riscv64",
      await currunt.image("busybox:index"),
    ]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/riscv64/);
    expect(stderr).toMatch(/arm64/);
    expect(stderr).toMatch(/amd64/);
  });

  test("by digest, and by tag and digest", async () => {
    await using currunt = await Currunt.create();
    const { host } = await sharedRegistry();
    const answer = await fetch(`http://${host}/v2/busybox/manifests/latest`, {
      headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
    });
    const digest = answer.headers.get("docker-content-digest");
    await currunt.ok("pull", "-quiet", `${host}/busybox@${digest}`);
    await currunt.ok("pull", "-quiet", `${host}/busybox:latest@${digest}`);
    expect(
      (await currunt.run(["run", "-rm", "-network", "none", `${host}/busybox@${digest}`, "true"])).code,
    ).toBe(0);
  });

  test("-pull never, missing and always do what they say", async () => {
    await using currunt = await Currunt.create();
    await using registry = await startRegistry({ storage: (await sharedRegistry()).storage });
    const image = `${registry.host}/${repository}`;
    const run = (policy: string) =>
      currunt.run(["run", "-rm", "-quiet", "-network", "none", "-pull", policy, image, "true"]);
    const never = await run("never");
    expect(never.code).toBe(125);
    expect(never.stderr).toContain(image);
    expect((await run("missing")).code).toBe(0);
    await registry.settle();
    const before = registry.requests.length;
    expect((await run("missing")).code).toBe(0);
    await registry.settle();
    expect(registry.requests).toHaveLength(before);
    expect((await run("always")).code).toBe(0);
    await registry.settle();
    expect(registry.requests.length).toBeGreaterThan(before);
  });

  test("shows plain lines on standard error elsewhere than on a terminal, and nothing with -quiet", async () => {
    await using currunt = await Currunt.create();
    const plain = await currunt.run(["pull", await currunt.image("layers:latest")]);
    expect(plain.code).toBe(0);
    expect(plain.stderr).not.toContain("\x1b");
    expect(plain.stderr.split("\n").length).toBeGreaterThan(2);
    expect(plain.stdout.trim()).toMatch(/^\S+$/);
    const quiet = await currunt.run(["pull", "-quiet", await currunt.image("busybox:plain")]);
    expect(quiet.stderr).toBe("");
  });

  test("a large layer of a whole Debian system arrives complete, in flat memory", async () => {
    await using currunt = await Currunt.create();
    const image = await debianImage();
    const measure = [process.execPath, join(import.meta.dir, "../fixtures/peak-memory.ts")];
    const child = Bun.spawn([...measure, currunt.program, "pull", "-quiet", image], {
      env: currunt.env,
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(await new Response(child.stderr).text()).toBe("");
    expect(await child.exited).toBe(0);
    const peak = Number(await new Response(child.stdout).text());
    expect(peak).toBeGreaterThan(20 * 1024 * 1024);
    expect(peak).toBeLessThan(150 * 1024 * 1024);
    const check =
      "python3 -c 'import json, sqlite3; print(6 * 7)'; nginx -v 2>&1 | cut -d/ -f1; dpkg --verify python3.11-minimal nginx-common";
    const { stdout } = await currunt.run(["run", "-rm", "-network", "none", image, "sh", "-c", check]);
    expect(stdout).toBe("42\nnginx version: nginx\n");
  }, 120_000);
});

describe("authentication", () => {
  let basic: Registry;
  let token: Registry;
  let mixed: Registry;
  beforeAll(async () => {
    const { storage } = await sharedRegistry();
    basic = await startRegistry({ storage, auth: "basic" });
    token = await startRegistry({ storage, auth: "token" });
    mixed = await startRegistry({ storage, auth: "token", anonymousPull: true });
  });
  afterAll(async () => {
    for (const registry of [basic, token, mixed]) await registry.stop();
  });

  const cases: { title: string; registry: () => Registry; auth?: string; works: boolean }[] = [
    { title: "htpasswd with credentials", registry: () => basic, auth: secret, works: true },
    { title: "htpasswd without", registry: () => basic, works: false },
    { title: "htpasswd with wrong ones", registry: () => basic, auth: btoa("captain:wrong"), works: false },
    { title: "a token server with credentials", registry: () => token, auth: secret, works: true },
    { title: "a token server without", registry: () => token, works: false },
    {
      title: "a token server with wrong ones",
      registry: () => token,
      auth: btoa("captain:wrong"),
      works: false,
    },
    { title: "a token server that lets everyone pull", registry: () => mixed, works: true },
    {
      title: "a token server that lets everyone pull, with credentials",
      registry: () => mixed,
      auth: secret,
      works: true,
    },
  ];
  for (const { title, registry, auth, works } of cases) {
    test(`${title}: ${works ? "pulls" : "is refused"}`, async () => {
      await using currunt = await Currunt.create();
      const { host } = registry();
      if (auth !== undefined) await writeCredentials(currunt, host, auth);
      const { code, stdout, stderr } = await currunt.run(["pull", `${host}/${repository}`]);
      expect(`${stdout}${stderr}`).not.toContain(registryUser.password);
      expect(`${stdout}${stderr}`).not.toContain(secret);
      if (works) expect(code).toBe(0);
      else {
        expect(code).not.toBe(0);
        expect(stderr).toMatch(/401|unauthori[sz]ed|denied|credentials|login/i);
        expect(readdirSync(join(currunt.data, "layers"))).toEqual([]);
      }
    });
  }
});
