/** OCI commands that are killed: whatever they leave can be deleted, and then nothing is left. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startTimeOf } from "../../src/sys/process.ts";
import { Oci } from "../fixtures/oci.ts";

let oci: Oci;
beforeAll(async () => {
  oci = await Oci.make();
});
afterEach(() => oci.clear());
afterAll(() => oci[Symbol.asyncDispose]());

/** Starts a command of the runtime's that nobody listens to. */
function start(...args: string[]): Bun.Subprocess {
  return Bun.spawn([oci.program, "--root", oci.root, ...args], {
    cwd: oci.bundle.directory,
    stdio: ["ignore", "ignore", "ignore"],
  });
}

/** The cgroups of that name, in all trees. */
function cgroups(name: string): string[] {
  const root = "/sys/fs/cgroup";
  const places = ["", ...readdirSync(root)].map((tree) => join(root, tree, name));
  return places.filter((place) => existsSync(place));
}

test.each(["create", "run"])("a %s that is killed at any moment", async (command) => {
  oci.configure({ process: { args: ["sleep", "1000"] } });
  // A creation takes some ten to twenty milliseconds; the cgroup is made in the middle.
  for (let ms = 4; ms <= 24; ms++) {
    const id = `currunt-killed-${command}-${ms}`;
    const creating = start(command, id);
    await Bun.sleep(ms);
    creating.kill("SIGKILL");
    await creating.exited;
    await oci.ok("delete", "--force", id);
    expect(cgroups(id)).toEqual([]);
    expect(existsSync(join(oci.root, id))).toBe(false);
  }
});

test.each(["createRuntime", "createContainer"])(
  "a creation that is killed while its %s hook runs",
  async (kind) => {
    const pidFile = join(oci.bundle.directory, `pid-${kind}`);
    const script = `echo $$ >${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 1000`;
    // Without a pid namespace, whose processes would end with init.
    const namespaces = (["mount", "ipc", "uts"] as const).map((type) => ({ type }));
    oci.configure({
      hooks: { [kind]: [{ path: "/bin/sh", args: ["sh", "-c", script] }] },
      linux: { namespaces },
    });
    const id = "currunt-killed-hook";
    const creating = start("create", id);
    await Bun.$`timeout 5 sh -c 'until [ -e ${pidFile} ]; do :; done'`;
    const pid = Number(await Bun.file(pidFile).text());
    expect(startTimeOf(pid)).toBeDefined();
    creating.kill("SIGKILL");
    await creating.exited;
    // A zombie, when it is not ours to wait for.
    await Bun.$`timeout 5 sh -c 'while grep -qs ^State:.[^Z] /proc/${pid}/status; do :; done'`;
    await oci.ok("delete", "--force", id);
    expect(cgroups(id)).toEqual([]);
  },
);

test("a start that is killed before it could tell: the container runs", async () => {
  await oci.create("c", { process: { args: ["sleep", "1000"] } });
  const { pid } = await oci.state("c");
  expect(await oci.state("c")).toMatchObject({ status: "created" });
  // All that a start does up to then.
  writeFileSync(join(oci.root, "c/exec.fifo"), "\0");
  await Bun.$`timeout 5 sh -c 'until [ "$(cat /proc/${pid}/comm)" = sleep ]; do :; done'`;
  expect(await oci.state("c")).toMatchObject({ status: "running" });
  expect((await oci.call(["start", "c"])).stderr).toContain("cannot start an already running container");
  expect((await oci.call(["delete", "c"])).code).toBe(1);
});

describe("a creation that was killed", () => {
  const beginning = (id: string) => join(oci.root, id, "creating.json");
  const begin = (id: string, text: string) => {
    mkdirSync(join(oci.root, id));
    writeFileSync(beginning(id), text);
  };

  test("while it wrote down what it would make has made nothing", async () => {
    begin("c", '{"id":"c","pid":12');
    expect((await oci.call(["state", "c"])).stderr).toContain("container does not exist");
    expect(JSON.parse(await oci.ok("list", "--format", "json"))).toEqual([]);
    await oci.ok("delete", "c");
    expect(existsSync(join(oci.root, "c"))).toBe(false);
  });

  test("before there was an init leaves what it wrote down, and the cgroups that it names are removed", async () => {
    await oci.create("c");
    const made = JSON.parse(readFileSync(join(oci.root, "c/state.json"), "utf8"));
    await oci.ok("delete", "--force", "c");
    const [first, ...others]: string[] = Object.values(made.cgroup.directories);
    mkdirSync(first ?? "");
    const gone = { ...made, id: "d", pid: 4_000_000, creating: true };
    begin("d", JSON.stringify(gone));
    expect(await oci.state("d")).toMatchObject({ id: "d", status: "stopped", pid: 0 });
    await oci.ok("delete", "d");
    for (const path of [first ?? "", ...others, join(oci.root, "d")]) expect(existsSync(path)).toBe(false);
  });

  test("right behind its end leaves both, of which the state counts", async () => {
    await oci.create("c");
    const { pid } = await oci.state("c");
    writeFileSync(beginning("c"), JSON.stringify({ ...(await oci.state("c")), pid: 1, creating: true }));
    expect(await oci.state("c")).toMatchObject({ pid, status: "created" });
    await oci.ok("delete", "--force", "c");
    expect(existsSync(join(oci.root, "c"))).toBe(false);
  });
});
