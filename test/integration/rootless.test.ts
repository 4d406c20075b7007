/** The runtime without root: an ordinary user's containers, and those of a root that is one in a user namespace only. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LinuxNamespaceType, Spec } from "../../src/runtime/spec.ts";
import type { SpecChange } from "../fixtures/bundle.ts";
import { defaultMounts, specWith } from "../fixtures/bundle.ts";
import { OrdinaryUser } from "../fixtures/ordinary-user.ts";
import type { Output } from "../fixtures/process.ts";
import { writeBusybox } from "../fixtures/tree.ts";

let user: OrdinaryUser;
let bundle: string;
beforeAll(async () => {
  user = await OrdinaryUser.make();
  bundle = join(user.directory, "bundle");
  mkdirSync(bundle);
  await writeBusybox(join(bundle, "rootfs"));
  Bun.spawnSync(["chown", "-R", `${user.uid}:${user.uid}`, bundle]);
});
afterAll(() => user[Symbol.asyncDispose]());

const types = ["mount", "pid", "ipc", "uts", "network", "user"] as const satisfies LinuxNamespaceType[];
const namespaces = types.map((type) => ({ type }));

function configure(change: SpecChange): void {
  const spec = specWith(change);
  writeFileSync(join(bundle, "config.json"), JSON.stringify({ ...spec, ociVersion: "1.2.0" } satisfies Spec));
}
const currunt = (...args: string[]): Promise<Output> => user.run([user.program, ...args], bundle);
const tryRead = (path: string) => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};
const sh = (script: string) => ({ args: ["sh", "-c", script] });
/** All of the user's IDs: root is the user, the others are the subordinate ones. */
const wide = () => {
  const mappings = [
    { containerID: 0, hostID: user.uid, size: 1 },
    { containerID: 1, hostID: user.subordinate, size: 65536 },
  ];
  return { uidMappings: mappings, gidMappings: mappings };
};
/** A group of a single mapped ID cannot be another. */
const narrowMounts = defaultMounts.map(({ options = [], ...mount }) => {
  return { ...mount, options: options.filter((option) => !option.startsWith("gid=")) };
});

describe("an ordinary user", () => {
  test("runs what spec -rootless writes", async () => {
    expect((await currunt("spec", "-rootless")).stderr).toBe("");
    const path = join(bundle, "config.json");
    const spec = JSON.parse(readFileSync(path, "utf8")) as Spec;
    const script = "id -u; cat /proc/self/setgroups; echo text > /dev/null; test -d /sys/class && echo sys";
    writeFileSync(
      path,
      JSON.stringify({ ...spec, process: { ...spec.process, terminal: false, ...sh(script) } }),
    );
    const { stdout, stderr, code } = await currunt("run", "-bundle", ".", "one");
    expect({ stdout, stderr, code }).toEqual({ stdout: "0\ndeny\nsys\n", stderr: "", code: 0 });
  });

  test("maps more IDs through newuidmap and newgidmap, and lives through a container's life", async () => {
    const process = {
      user: { uid: 5, gid: 6, additionalGids: [7] },
      args: ["sleep", "1000"],
      oomScoreAdj: 500,
    };
    configure({ process, linux: { namespaces, ...wide() }, mounts: defaultMounts });
    const log = join(user.directory, "log");
    const created = await user.run(
      ["sh", "-c", `"$0" create -bundle . two </dev/null >${log} 2>&1`, user.program],
      bundle,
    );
    expect(readFileSync(log, "utf8")).toBe("");
    expect(created.code).toBe(0);
    expect(readdirSync(join(user.runtimeDirectory, "currunt-oci"))).toEqual(["two"]);
    expect((JSON.parse((await currunt("state", "two")).stdout) as { status: string }).status).toBe("created");
    expect(await currunt("start", "two")).toMatchObject({ code: 0, stderr: "" });
    const inside = await currunt("exec", "two", "sh", "-c", "id -u; id -G; cat /proc/self/oom_score_adj");
    expect(inside).toMatchObject({ stdout: "5\n6 7\n500\n", stderr: "" });
    const map = (await currunt("exec", "-user", "0", "two", "cat", "/proc/self/uid_map")).stdout;
    expect(map.trim().split(/\s+/).map(Number)).toEqual([0, user.uid, 1, 1, user.subordinate, 65536]);
    expect(await currunt("kill", "two", "KILL")).toMatchObject({ code: 0, stderr: "" });
    expect(await currunt("delete", "-force", "two")).toMatchObject({ code: 0, stderr: "" });
    expect(readdirSync(join(user.runtimeDirectory, "currunt-oci"))).toEqual([]);
  });

  test("without a cgroup has all processes killed where the end of init would not end them", async () => {
    const without = namespaces.filter(({ type }) => type !== "pid" && type !== "ipc");
    const mounts = defaultMounts.filter(({ type }) => type !== "proc" && type !== "mqueue");
    const linux = { namespaces: without, ...wide(), maskedPaths: [], readonlyPaths: [] };
    configure({ process: sh("sleep 1000 & exec sleep 1000"), linux, mounts });
    const script =
      '"$0" run -detach -bundle . shared </dev/null >/dev/null 2>&1; "$0" ps -format json shared';
    const { stdout } = await user.run(["sh", "-c", script, user.program], bundle);
    const pids = JSON.parse(stdout) as number[];
    expect(pids.length).toBeGreaterThan(0);
    expect(await currunt("delete", "-force", "shared")).toMatchObject({ code: 0, stderr: "" });
    const left = readdirSync("/proc").filter((name) => {
      return /^\d+$/.test(name) && tryRead(`/proc/${name}/status`).includes(`\nUid:\t${user.uid}\t`);
    });
    expect(left.filter((name) => tryRead(`/proc/${name}/cmdline`).startsWith("sleep"))).toEqual([]);
  });

  test("with one ID only cannot give groups, and hears why", async () => {
    const only = [{ containerID: 0, hostID: user.uid, size: 1 }];
    const linux = { namespaces, uidMappings: only, gidMappings: only };
    const process = { user: { uid: 0, gid: 0, additionalGids: [0] }, ...sh("id -G") };
    configure({ process, linux, mounts: narrowMounts });
    const { stderr, code } = await currunt("run", "-bundle", ".", "three");
    expect(stderr).toContain("process.user.additionalGids");
    expect(code).toBe(1);
    configure({ process: { user: { uid: 1, gid: 0 }, ...sh("id -G") }, linux, mounts: narrowMounts });
    expect((await currunt("run", "-bundle", ".", "three")).stderr).toContain(
      "process.user: user 1 and group 0",
    );
  });

  test("cannot map IDs that /etc/subuid does not allow, and hears where to allow them", async () => {
    const mappings = [
      { containerID: 0, hostID: user.uid, size: 1 },
      { containerID: 1, hostID: 3_000_000_000, size: 10 },
    ];
    configure({ process: sh("true"), linux: { namespaces, uidMappings: mappings, gidMappings: mappings } });
    const { stderr, code } = await currunt("run", "-bundle", ".", "four");
    expect(stderr).toContain("linux.uidMappings: newuidmap: ");
    expect(stderr).toContain(`hint: /etc/subuid must allow these IDs to the user ${user.uid}`);
    expect(code).toBe(1);
    expect(readdirSync(join(user.runtimeDirectory, "currunt-oci"))).toEqual([]);
  });

  test("without a user namespace hears that it takes one", async () => {
    configure({
      process: sh("true"),
      linux: { namespaces: namespaces.filter(({ type }) => type !== "user") },
    });
    expect((await currunt("run", "-bundle", ".", "five")).stderr).toContain(
      'add { "type": "user" } with mappings',
    );
  });
});

describe("root of a user namespace", () => {
  const asRoot = (...args: string[]) =>
    user.run(["unshare", "--user", "--map-root-user", user.program, ...args], bundle);
  const ownless = (...without: LinuxNamespaceType[]) => {
    return { namespaces: namespaces.filter(({ type }) => type !== "user" && !without.includes(type)) };
  };

  test("has its state in the user's runtime directory, and the host's devices", async () => {
    const script = "id -u; ls /dev | sort | head -3; echo text > /dev/null; cat /proc/keys";
    configure({ process: sh(script), linux: ownless(), mounts: narrowMounts });
    const { stdout, stderr, code } = await asRoot("run", "-bundle", ".", "one");
    expect({ stdout, stderr, code }).toEqual({ stdout: "0\ncore\nfd\nfull\n", stderr: "", code: 0 });
    expect(existsSync("/run/currunt-oci/one")).toBe(false);
  });

  test("shares what it may not mount: the host's sysfs and procfs", async () => {
    const mounts = narrowMounts.filter(({ type }) => type !== "mqueue");
    const script = "grep -E '^[a-z]+ /(sys|proc) ' /proc/self/mounts; test -d /proc/1";
    configure({ process: sh(script), linux: ownless("network", "pid", "ipc"), mounts });
    const { stdout, stderr, code } = await asRoot("run", "-bundle", ".", "two");
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    expect(stdout).toMatch(/^sysfs \/sys sysfs ro,/m);
    expect(stdout).toMatch(/^proc \/proc proc /m);
  });

  test("makes a further user namespace, whose maps are in terms of its own", async () => {
    const only = [{ containerID: 0, hostID: 0, size: 1 }];
    const linux = { namespaces, uidMappings: only, gidMappings: only };
    configure({ process: sh("id -u; cat /proc/self/uid_map"), linux, mounts: narrowMounts });
    const { stdout, stderr, code } = await asRoot("run", "-bundle", ".", "three");
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    expect(stdout.trim().split(/\s+/)).toEqual(["0", "0", "0", "1"]);
  });
});

const hasPodman = Bun.which("podman") !== null;
describe("podman of an ordinary user", () => {
  const podman = (...args: string[]) => {
    const flags = ["--cgroup-manager", "cgroupfs", "--runtime", user.program];
    return user.run(["podman", ...flags, ...args]);
  };
  const root = () => ["--network", "none", "--rootfs", join(bundle, "rootfs")];

  afterAll(() => {
    // It keeps its user namespace in a process.
    const file = join(user.runtimeDirectory, "libpod/tmp/pause.pid");
    if (hasPodman && existsSync(file)) process.kill(Number(readFileSync(file, "utf8")), "SIGKILL");
  });

  test.skipIf(!hasPodman)(
    "runs, executes and removes containers",
    async () => {
      const once = await podman("run", "--rm", ...root(), "sh", "-c", "id -u; wc -l < /proc/self/uid_map");
      expect(once).toMatchObject({ stdout: "0\n2\n", code: 0 });
      const log = join(user.directory, "podman.log");
      const args = ["--cgroup-manager", "cgroupfs", "--runtime", user.program, "run", "-d", "--name", "long"];
      const command = `podman ${args.join(" ")} ${root().join(" ")} sleep 1000 </dev/null >${log} 2>&1`;
      expect((await user.run(["sh", "-c", command])).code).toBe(0);
      expect(await podman("exec", "--user", "9:8", "long", "id", "-g")).toMatchObject({
        stdout: "8\n",
        code: 0,
      });
      expect((await podman("rm", "-f", "-t", "0", "long")).code).toBe(0);
      // Podman's seccomp profile, as it was compiled, is for the next container.
      expect(readdirSync(join(user.runtimeDirectory, "currunt-oci"))).toEqual(["@filters"]);
    },
    60_000,
  );

  test.skipIf(!hasPodman)(
    "keeps the user's own ID, and takes other users",
    async () => {
      const kept = await podman("run", "--rm", "--userns", "keep-id", ...root(), "sh", "-c", "id -u");
      expect(kept).toMatchObject({ stdout: `${user.uid}\n`, code: 0 });
      const other = await podman("run", "--rm", "--user", "33:34", ...root(), "sh", "-c", "id -u; id -g");
      expect(other).toMatchObject({ stdout: "33\n34\n", code: 0 });
    },
    60_000,
  );
});
