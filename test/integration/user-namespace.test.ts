/** User namespaces: made with maps, joined, nested; and time, cgroup, mount and pid namespaces that are joined. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LinuxNamespace, LinuxNamespaceType } from "../../src/runtime/spec.ts";
import type { SpecChange } from "../fixtures/bundle.ts";
import { Bundle, defaultMounts } from "../fixtures/bundle.ts";

const base = 100_000;
const mappings = [{ containerID: 0, hostID: base, size: 65536 }];
const mapped = { uidMappings: mappings, gidMappings: mappings };
const all: readonly LinuxNamespaceType[] = ["mount", "pid", "ipc", "uts", "network", "cgroup", "user"];
const own = all.map((type) => ({ type }));
/** A container in a user namespace of its own. */
const inUser = (linux: SpecChange["linux"] = {}): SpecChange => {
  const namespaces = linux?.namespaces ?? own;
  return { linux: { namespaces, ...mapped, ...linux }, mounts: mountsFor(namespaces) };
};
/** A message queue filesystem shows an IPC namespace, and only its owner may mount one. */
const mountsFor = (namespaces: readonly LinuxNamespace[]) =>
  defaultMounts.filter(
    ({ type }) => type !== "mqueue" || namespaces.some((one) => one.type === "ipc" && one.path === undefined),
  );

/** A kernel may be built without them. */
const hasTime = existsSync("/proc/self/ns/time");

let bundle: Bundle;
beforeAll(async () => {
  bundle = await Bundle.make();
  Bun.spawnSync(["chown", "-R", `${base}:${base}`, bundle.rootfs]);
});
afterAll(() => bundle[Symbol.asyncDispose]());

describe("a user namespace of the container's own", () => {
  test("has the maps of the spec; the program is its root, with the powers that the spec gives", async () => {
    const script =
      "cat /proc/self/uid_map /proc/self/gid_map; id -u; id -g; grep CapEff /proc/self/status; touch /made";
    const { error, stdout } = await bundle.sh(script, inUser());
    expect(error).toBeUndefined();
    const lines = stdout.split("\n").map((line) => line.trim().split(/\s+/).join(" "));
    expect(lines).toEqual(["0 100000 65536", "0 100000 65536", "0", "0", "CapEff: 00000000a80425fb", ""]);
    expect(statSync(join(bundle.rootfs, "made")).uid).toBe(base);
  });

  test("has other users too, with their groups", async () => {
    const user = { uid: 1000, gid: 1001, additionalGids: [5, 6] };
    const { error, stdout } = await bundle.run({
      ...inUser(),
      process: { user, args: ["sh", "-c", "id -u; id -g; id -G"] },
    });
    expect(error).toBeUndefined();
    expect(stdout).toBe("1000\n1001\n1001 5 6\n");
  });

  test("owns the other namespaces: the host name, interfaces and mounts are its to change", async () => {
    const capabilities = {
      bounding: ["CAP_SYS_ADMIN"],
      effective: ["CAP_SYS_ADMIN"],
      permitted: ["CAP_SYS_ADMIN"],
    };
    const { error, stdout } = await bundle.sh(
      "hostname changed; hostname; mount -t tmpfs none /tmp && echo mounted",
      {
        ...inUser(),
        process: {
          capabilities,
          args: [
            "sh",
            "-c",
            "hostname changed; hostname; mkdir -p /tmp; mount -t tmpfs none /tmp && echo mounted",
          ],
        },
      },
    );
    expect(error).toBeUndefined();
    expect(stdout).toBe("changed\nmounted\n");
  });

  test("has the devices of the host where it may make none, and a null device that masks", async () => {
    const script = [
      "ls -l /dev | grep -c ^c",
      "grep -c ' /dev/null .*nosuid,noexec' /proc/self/mountinfo",
      "echo gone > /dev/null; head -c 3 /dev/zero | wc -c",
      "cat /proc/keys | wc -c",
    ].join("; ");
    const { error, stdout, stderr } = await bundle.sh(script, inUser());
    expect(error).toBeUndefined();
    expect(stderr).toBe("");
    expect(stdout).toBe("6\n1\n3\n0\n");
  });

  test("finds a root and binds below directories that only the host's root may enter", async () => {
    const secret = join(bundle.directory, "secret");
    mkdirSync(secret, { mode: 0o700 });
    writeFileSync(join(secret, "file"), "content\n");
    chmodSync(bundle.directory, 0o700);
    const mounts = [
      ...defaultMounts,
      { destination: "/file", type: "bind", source: join(secret, "file"), options: ["bind", "ro"] },
    ];
    const { error, stdout } = await bundle.sh("cat /file", { ...inUser(), mounts });
    expect(error).toBeUndefined();
    expect(stdout).toBe("content\n");
  });

  test("may share the network: the host's sysfs takes the place of one that it may not mount", async () => {
    const namespaces = own.filter(({ type }) => type !== "network" && type !== "pid" && type !== "ipc");
    const { error, stdout } = await bundle.sh(
      "test -d /sys/class/net/lo && grep ' /sys ' /proc/self/mounts; ls /proc/1/status",
      inUser({ namespaces }),
    );
    expect(error).toBeUndefined();
    expect(stdout).toMatch(/^sysfs \/sys sysfs ro,nosuid,nodev,noexec/);
    expect(stdout).toContain("/proc/1/status");
  });

  test.skipIf(!hasTime)("takes an OOM score, sysctls, and offsets of the clocks", async () => {
    const { error, stdout } = await bundle.run({
      ...inUser({
        namespaces: [...own, { type: "time" }],
        sysctl: { "net.ipv4.ip_forward": "1", "kernel.shmmax": "12345678" },
        timeOffsets: { boottime: { secs: 7_000_000 } },
      }),
      process: {
        oomScoreAdj: 321,
        args: [
          "sh",
          "-c",
          "cat /proc/self/oom_score_adj /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmax; cut -d. -f1 /proc/uptime",
        ],
      },
    });
    expect(error).toBeUndefined();
    const [score, forward, shmmax, uptime] = stdout.trim().split("\n").map(Number);
    expect([score, forward, shmmax]).toEqual([321, 1, 12345678]);
    expect(uptime).toBeGreaterThan(7_000_000);
  });

  test("without an ID 0 runs as the one that it has", async () => {
    const only = [{ containerID: 1000, hostID: base, size: 1 }];
    const user = { uid: 1000, gid: 1000 };
    const { error, stdout } = await bundle.run({
      ...inUser({ uidMappings: only, gidMappings: only }),
      mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
      process: { user, args: ["sh", "-c", "id -u; cat /proc/self/uid_map"] },
    });
    expect(error).toBeUndefined();
    expect(stdout.trim().split(/\s+/)).toEqual(["1000", "1000", String(base), "1"]);
  });

  test("gives pipes among the streams to the program's user, as /dev/stdout", async () => {
    const user = { uid: 33, gid: 33 };
    const { error, stdout, stderr } = await bundle.run({
      ...inUser(),
      process: { user, args: ["sh", "-c", "echo text > /dev/stdout"] },
    });
    expect(error).toBeUndefined();
    expect(stderr).toBe("");
    expect(stdout).toBe("text\n");
  });
});

describe("maps that cannot be", () => {
  const refused = async (uidMappings: (typeof mappings)[number][]) =>
    (await bundle.sh("true", inUser({ uidMappings }))).error ?? "";

  test("are refused by their field when the kernel takes no more of them", async () => {
    const many = Array.from({ length: 341 }, (_, index) => ({ containerID: index, hostID: index, size: 1 }));
    expect(await refused(many)).toContain("linux.uidMappings: 341 mappings, and the kernel takes 340");
    const long = many.slice(0, 340).map(({ size }, index) => ({
      containerID: 4_000_000_000 + index,
      hostID: 4_000_000_000 + index,
      size,
    }));
    expect(await refused(long)).toContain("longer than the 4095 bytes");
    // CVE-2021-43784: 64 KiB and more, whose length would wrap.
    const huge = Array.from({ length: 20_000 }, (_, index) => ({
      containerID: index,
      hostID: index,
      size: 1,
    }));
    expect(await refused(huge)).toContain("20000 mappings");
  });

  test("are refused by their field when they overlap or are missing", async () => {
    const overlapping = [
      { containerID: 0, hostID: base, size: 10 },
      { containerID: 5, hostID: base + 100, size: 10 },
    ];
    expect(await refused(overlapping)).toContain("linux.uidMappings: the kernel refuses them");
    expect(await refused([])).toContain("needs uidMappings and gidMappings");
  });

  test("leave a user that has none refused", async () => {
    const only = [{ containerID: 0, hostID: base, size: 1 }];
    const change = inUser({ uidMappings: only, gidMappings: only });
    const user = { uid: 1000, gid: 0 };
    const { error } = await bundle.run({ ...change, mounts: [], process: { user, args: ["true"] } });
    expect(error).toContain("user 1000");
  });
});

/** The namespace file of a process. */
const files = {
  mount: "mnt",
  pid: "pid",
  ipc: "ipc",
  uts: "uts",
  network: "net",
  cgroup: "cgroup",
  user: "user",
  time: "time",
};
const pathOf = (pid: number, type: LinuxNamespaceType) => `/proc/${pid}/ns/${files[type]}`;

describe("joined namespaces", () => {
  test("a user namespace with the others that it owns, and exec in both", async () => {
    using other = await bundle.sleeping({ ...inUser(), hostname: "other" });
    const joined = ["user", "network", "ipc", "uts", "pid"] as const;
    const namespaces: LinuxNamespace[] = [
      { type: "mount" },
      { type: "cgroup" },
      // The user namespace last: the order of the list means nothing.
      ...joined.toReversed().map((type) => ({ type, path: pathOf(other.init.pid, type) })),
    ];
    const links = joined.map((type) => readlinkSync(pathOf(other.init.pid, type)));
    const script = `hostname; id -u; for n in ${joined.map((type) => files[type]).join(" ")}; do readlink /proc/self/ns/$n; done`;
    const { error, stdout } = await bundle.sh(script, { linux: { namespaces } });
    expect(error).toBeUndefined();
    expect(stdout.trim().split("\n")).toEqual(["other", "0", ...links]);
    const inside = await other.exec(script);
    expect(inside.error).toBeUndefined();
    expect(inside.stdout).toBe(stdout);
    const asUser = await other.exec("id -u; id -g; touch /by-user 2>&1", { user: { uid: 1000, gid: 1000 } });
    expect(asUser.stdout).toMatch(/^1000\n1000\n.*denied/);
  });

  test("a user namespace beside a network of the host's that it does not own", async () => {
    using host = await bundle.sleeping();
    using other = await bundle.sleeping(inUser());
    const namespaces: LinuxNamespace[] = [
      { type: "mount" },
      { type: "pid" },
      { type: "user", path: pathOf(other.init.pid, "user") },
      { type: "network", path: pathOf(host.init.pid, "network") },
    ];
    const { error, stdout } = await bundle.sh("for n in user net; do readlink /proc/self/ns/$n; done", {
      mounts: mountsFor(namespaces),
      linux: { namespaces },
    });
    expect(error).toBeUndefined();
    expect(stdout.trim().split("\n")).toEqual([
      readlinkSync(pathOf(other.init.pid, "user")),
      readlinkSync(pathOf(host.init.pid, "network")),
    ]);
  });

  test("a user namespace with the same maps in the spec; with others it is refused", async () => {
    using other = await bundle.sleeping(inUser());
    const namespaces: LinuxNamespace[] = [
      { type: "mount" },
      { type: "pid" },
      { type: "user", path: pathOf(other.init.pid, "user") },
    ];
    const same = await bundle.sh("id -u", {
      mounts: mountsFor(namespaces),
      linux: { namespaces, ...mapped },
    });
    expect(same.error).toBeUndefined();
    const wrong = [{ containerID: 0, hostID: 1, size: 1 }];
    const { error } = await bundle.sh("id -u", {
      linux: { namespaces, uidMappings: wrong, gidMappings: wrong },
    });
    expect(error).toContain("linux.uidMappings: they are not those of");
  });

  test.skipIf(!hasTime)("a time namespace; exec is in it too", async () => {
    const namespaces = (["mount", "pid", "time"] as const).map((type) => ({ type }));
    const timeOffsets = { monotonic: { secs: 5_000_000, nanosecs: 1 }, boottime: { secs: 6_000_000 } };
    using other = await bundle.sleeping({ linux: { namespaces, timeOffsets } });
    const script = "readlink /proc/self/ns/time; cut -d. -f1 /proc/uptime";
    const link = readlinkSync(pathOf(other.init.pid, "time"));
    const inside = (await other.exec(script)).stdout.split("\n");
    expect(inside[0]).toBe(link);
    expect(Number(inside[1])).toBeGreaterThan(6_000_000);
    const path = pathOf(other.init.pid, "time");
    const joining = [{ type: "mount" }, { type: "pid" }, { type: "time", path }] as LinuxNamespace[];
    const { error, stdout } = await bundle.sh(script, { linux: { namespaces: joining } });
    expect(error).toBeUndefined();
    expect(stdout.split("\n")[0]).toBe(link);
    expect(Number(stdout.split("\n")[1])).toBeGreaterThan(6_000_000);
  });

  test("a mount namespace: the root is found in it, and becomes its root", async () => {
    // It loads no other program once it is ready: its root is about to become another.
    const holder = Bun.spawn(
      ["unshare", "-m", "--propagation", "private", "sh", "-c", "echo ready; read end"],
      { stdin: "pipe", stdout: "pipe" },
    );
    try {
      await holder.stdout.getReader().read();
      const path = pathOf(holder.pid, "mount");
      const namespaces = [{ type: "mount", path }, { type: "pid" }] as LinuxNamespace[];
      const { error, stdout } = await bundle.sh("readlink /proc/self/ns/mnt; ls /", {
        linux: { namespaces },
      });
      expect(error).toBeUndefined();
      expect(stdout.split("\n")[0]).toBe(readlinkSync(path));
      expect(stdout).not.toContain("boot");
    } finally {
      holder.kill("SIGKILL");
      await holder.exited;
    }
  });

  test("in every combination with own and shared ones", async () => {
    const time = hasTime ? (["time"] as const) : [];
    using other = await bundle.sleeping(inUser({ namespaces: [...own, ...time.map((type) => ({ type }))] }));
    const types = ["pid", "ipc", "uts", "network", "cgroup", ...time, "user"] as const;
    const ways = ["none", "own", "joined"] as const;
    const failures: string[] = [];
    // A covering array would do with fewer; these take seconds, and say exactly what failed.
    for (let index = 0; index < 3 ** types.length; index += 37) {
      const chosen = types.map((type, place) => [type, ways[Math.floor(index / 3 ** place) % 3]] as const);
      const namespaces: LinuxNamespace[] = [{ type: "mount" }];
      for (const [type, way] of chosen) {
        if (way === "own") namespaces.push({ type });
        if (way === "joined") namespaces.push({ type, path: pathOf(other.init.pid, type) });
      }
      const script = `for n in ${types.map((type) => files[type]).join(" ")}; do readlink /proc/self/ns/$n; done`;
      const maps = chosen.some(([type, way]) => type === "user" && way === "own") ? mapped : {};
      const { error, stdout } = await bundle.sh(script, {
        mounts: mountsFor(namespaces),
        linux: { namespaces, ...maps, maskedPaths: [], readonlyPaths: [] },
      });
      const seen = stdout.trim().split("\n");
      for (const [place, [type, way]] of chosen.entries()) {
        const [host, theirs] = [
          readlinkSync(`/proc/self/ns/${files[type]}`),
          readlinkSync(pathOf(other.init.pid, type)),
        ];
        const link = seen[place] ?? "";
        const right =
          way === "none"
            ? link === host
            : way === "joined"
              ? link === theirs
              : link !== host && link !== theirs;
        if (!right)
          failures.push(
            `${chosen.map(([name, one]) => `${name}:${one}`).join(" ")} → ${type} ${link} ${error ?? ""}`,
          );
      }
    }
    expect(failures).toEqual([]);
  }, 60_000);

  test("that are of another kind, or none at all, are refused by name", async () => {
    using other = await bundle.sleeping();
    const path = pathOf(other.init.pid, "ipc");
    const wrong = [{ type: "mount" }, { type: "network", path }] as LinuxNamespace[];
    const first = await bundle.sh("true", { linux: { namespaces: wrong } });
    expect(first.error).toContain(`linux.namespaces: "${path}" is no network namespace`);
    const missing = [{ type: "mount" }, { type: "network", path: "/nonexistent/ns" }] as LinuxNamespace[];
    const second = await bundle.sh("true", { linux: { namespaces: missing } });
    expect(second.error).toContain('linux.namespaces: open "/nonexistent/ns": no such file or directory');
  });
});
