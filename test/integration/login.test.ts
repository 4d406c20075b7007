/** `login` and `logout` against real registries: proved before they are kept, where pulls and other tools read them. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Currunt } from "../fixtures/currunt.ts";
import { FakeRegistry } from "../fixtures/fake-registry.ts";
import type { Output } from "../fixtures/process.ts";
import { mustRun } from "../fixtures/process.ts";
import type { Registry } from "../fixtures/registry.ts";
import { registryUser, startRegistry } from "../fixtures/registry.ts";
import { sharedRegistry } from "../fixtures/shared-registry.ts";
import { Terminal } from "../fixtures/terminal.ts";

const scratch = mkdtempSync(join(tmpdir(), "currunt-login-"));
const { name: user, password } = registryUser;
const secret = Buffer.from(`${user}:${password}`).toString("base64");
let currunt: Currunt;
let basic: Registry;
let token: Registry;
let home = "";
let serial = 0;
beforeAll(async () => {
  currunt = await Currunt.create();
  const { storage } = await sharedRegistry();
  basic = await startRegistry({ storage, auth: "basic" });
  token = await startRegistry({ storage, auth: "token" });
});
afterAll(async () => {
  await basic.stop();
  await token.stop();
  await currunt[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});
beforeEach(() => {
  home = join(scratch, String(serial++));
  mkdirSync(home);
});

const environment = () => ({
  HOME: home,
  XDG_RUNTIME_DIR: join(home, "run"),
  CURRUNT_ETC: join(home, "etc"),
  PATH: `${join(home, "bin")}:${process.env["PATH"]}`,
});
const currently = (args: string[], stdin?: string): Promise<Output> =>
  currunt.run(args, { env: environment(), ...(stdin === undefined ? {} : { stdin }) });
const login = (...args: string[]) =>
  currently(["login", "-username", user, "-password-stdin", ...args], `${password}\n`);
const docker = () => join(home, ".docker/config.json");
const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));
function write(path: string, content: unknown): string {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  writeFileSync(join(home, path), typeof content === "string" ? content : JSON.stringify(content));
  return join(home, path);
}

describe("login", () => {
  test("is proved by password and by token, kept for the owner alone, and then pulls work", async () => {
    for (const registry of [basic, token]) {
      expect((await currently(["pull", "-quiet", `${registry.host}/busybox`])).code).toBe(125);
      const { code, stdout, stderr } = await login(registry.host);
      expect({ code, stdout }).toEqual({ code: 0, stdout: "Login Succeeded\n" });
      expect(stderr).toBe(`kept in ${docker()}\n`);
      expect((await currently(["pull", "-quiet", `${registry.host}/busybox`])).code).toBe(0);
    }
    expect(statSync(docker()).mode & 0o777).toBe(0o600);
    expect(json(docker()).auths).toEqual({ [basic.host]: { auth: secret }, [token.host]: { auth: secret } });
    expect(readdirSync(dirname(docker()))).toEqual(["config.json"]);
  });

  test("that is refused keeps nothing and shows nothing", async () => {
    for (const registry of [basic, token]) {
      const { code, stderr } = await currently(["login", "-u", user, "-p", "wrong-one", registry.host]);
      expect(code).toBe(125);
      expect(stderr).toContain(`log in to ${registry.host}`);
      expect(stderr).not.toContain("wrong-one");
    }
    expect(existsSync(docker())).toBe(false);
  });

  test("is refused also where public images can be had without", async () => {
    await using registry = await FakeRegistry.start();
    registry.always(/^GET \/token/, ({ headers }) =>
      headers.authorization === undefined ? { body: '{"token":"anonymous"}' } : { status: 401 },
    );
    registry.rules.push(({ path, headers }) =>
      !path.startsWith("/v2/") || headers.authorization === "Bearer anonymous"
        ? undefined
        : { status: 401, headers: { "www-authenticate": `Bearer realm="${registry.url}/token"` } },
    );
    const { code, stderr } = await currently(["login", "-u", user, "-p", "wrong-one", registry.host]);
    expect(code).toBe(125);
    expect(stderr).toContain("answered 401");
    expect(existsSync(docker())).toBe(false);
  });

  test("at a registry that asks nobody is kept with a warning", async () => {
    await using registry = await FakeRegistry.start();
    const { code, stderr } = await login(registry.host);
    expect(code).toBe(0);
    expect(stderr).toContain("asks nobody who they are");
    expect(registry.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test("keeps all else in the file, the old spelling of the entry not, and a link a link", async () => {
    const real = write("dotfiles/docker.json", {
      HttpHeaders: { "X-Meta": "kept" },
      auths: { [`https://${basic.host}/v1/`]: { auth: btoa("old:old") }, "quay.io": { auth: btoa("a:b") } },
    });
    mkdirSync(dirname(docker()));
    symlinkSync(real, docker());
    expect((await login(`http://${basic.host}/`)).code).toBe(0);
    expect(json(real)).toEqual({
      HttpHeaders: { "X-Meta": "kept" },
      auths: { "quay.io": { auth: btoa("a:b") }, [basic.host]: { auth: secret } },
    });
    expect(readFileSync(docker(), "utf8")).toBe(readFileSync(real, "utf8"));
  });

  test("goes where pulls look first: podman's file that is there, -authfile, REGISTRY_AUTH_FILE", async () => {
    const podman = write(".config/containers/auth.json", {});
    const [flag, variable] = [join(home, "new/flag.json"), join(home, "variable.json")];
    await login(basic.host);
    await login("-authfile", flag, basic.host);
    await currunt.run(["login", "-u", user, "-p", password, basic.host], {
      env: { ...environment(), REGISTRY_AUTH_FILE: variable },
    });
    for (const path of [podman, flag, variable])
      expect(json(path).auths).toEqual({ [basic.host]: { auth: secret } });
    expect(existsSync(docker())).toBe(false);
  });

  test("for a part of a registry is used for that part", async () => {
    expect((await login(`${basic.host}/team`)).code).toBe(0);
    expect(json(docker()).auths).toEqual({ [`${basic.host}/team`]: { auth: secret } });
    expect((await currently(["pull", "-quiet", `${basic.host}/busybox`])).code).toBe(125);
  });

  test("is understood by skopeo, and skopeo's by us", async () => {
    const file = join(home, "shared.json");
    await login("-authfile", file, basic.host);
    await mustRun([
      "skopeo",
      "inspect",
      "--tls-verify=false",
      "--authfile",
      file,
      `docker://${basic.host}/busybox`,
    ]);
    await mustRun([
      "skopeo",
      "login",
      "--tls-verify=false",
      "--authfile",
      file,
      "-u",
      user,
      "-p",
      password,
      token.host,
    ]);
    const { code } = await currently(["pull", "-quiet", "-authfile", file, `${token.host}/busybox`]);
    expect(code).toBe(0);
    await mustRun(["skopeo", "logout", "--authfile", file, basic.host]);
    expect(Object.keys(json(file).auths)).toEqual([token.host]);
  });

  test("gives the secret to the helper that is configured", async () => {
    const keyring = join(home, "keyring");
    const helper = write(
      "bin/docker-credential-test",
      `#!/bin/sh
case $1 in
store) cat > ${keyring};;
erase) cat > /dev/null; rm ${keyring};;
get) if [ -e ${keyring} ]; then cat ${keyring}; else echo "credentials not found in native keychain"; exit 1; fi;;
esac
`,
    );
    chmodSync(helper, 0o755);
    write(".docker/config.json", { credsStore: "test" });
    const { code, stderr } = await login(basic.host);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "kept in credential helper test\n" });
    expect(json(keyring)).toEqual({ ServerURL: basic.host, Username: user, Secret: password });
    expect(json(docker())).toEqual({ credsStore: "test", auths: { [basic.host]: {} } });
    expect((await currently(["pull", "-quiet", `${basic.host}/busybox`])).code).toBe(0);
    expect((await currently(["logout", basic.host])).code).toBe(0);
    expect(existsSync(keyring)).toBe(false);
    expect(json(docker())).toEqual({ credsStore: "test", auths: {} });
  });

  test("needs a terminal or the whole answer", async () => {
    for (const args of [[], ["-u", user], ["-password-stdin"]]) {
      const { code, stderr } = await currently(["login", ...args, basic.host], "x");
      expect(code).toBe(125);
      expect(stderr).toMatch(/password-stdin/);
    }
    expect((await currently(["login", "-u", "a:b", "-p", "x", basic.host])).stderr).toContain("no user name");
    expect((await currently(["login", "-u", "a", "-p", "x", "bad host"])).stderr).toContain(
      'registry "bad host"',
    );
  });

  test("asks at the terminal without showing the password, and leaves the terminal as it was", async () => {
    const command = `${currunt.program} login ${basic.host}; stty -a | grep -o -- '-*echo '`;
    await using terminal = await Terminal.open({ columns: 120, env: { ...currunt.env, ...environment() } });
    await terminal.line(command);
    await terminal.waitFor(/Username:$/m);
    await terminal.line(user);
    await terminal.waitFor(/Password:$/m);
    await terminal.type("wrong");
    await terminal.press("C-u");
    await terminal.type(`${password}x`);
    await terminal.press("BSpace", "Enter");
    const screen = await terminal.waitFor(/^echo/m);
    expect(screen).toContain("Login Succeeded");
    expect(screen).not.toContain(password);
    expect(screen).not.toContain("wrong");
    await terminal.line(`clear; ${command}`);
    await terminal.waitFor(/Username:$/m);
    await terminal.line(user);
    await terminal.waitFor(/Password:$/m);
    await terminal.press("C-c");
    expect(await terminal.waitFor(/^echo/m)).toContain("interrupted");
  });
});

describe("logout", () => {
  test("forgets one registry wherever it is kept, and tells when there is nothing", async () => {
    const podman = write("run/containers/auth.json", {
      auths: { "a.test": { auth: btoa("u:p") }, "b.test": { auth: btoa("u:p") } },
    });
    write(".docker/config.json", { auths: { "https://a.test/v1/": { auth: btoa("u:p") } }, other: 1 });
    expect(await currently(["logout", "a.test"])).toEqual({
      code: 0,
      stdout: "Removed login credentials for a.test\n",
      stderr: "",
    });
    expect(json(podman)).toEqual({ auths: { "b.test": { auth: btoa("u:p") } } });
    expect(json(docker())).toEqual({ auths: {}, other: 1 });
    const { code, stderr } = await currently(["logout", "a.test"]);
    expect(code).toBe(125);
    expect(stderr).toContain("not logged in");
  });

  test("means Docker Hub by default, and everything with -all", async () => {
    write(".docker/config.json", {
      auths: {
        "https://index.docker.io/v1/": { auth: btoa("u:p") },
        "a.test/team": { auth: btoa("u:p") },
        "b.test:5000": { auth: btoa("u:p") },
      },
    });
    expect((await currently(["logout"])).stdout).toBe("Removed login credentials for docker.io\n");
    expect((await currently(["logout", "-all"])).stdout.trim().split("\n").sort()).toEqual([
      "Removed login credentials for a.test/team",
      "Removed login credentials for b.test:5000",
    ]);
    expect(json(docker())).toEqual({ auths: {} });
  });
});
