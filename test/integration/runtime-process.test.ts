/** The fields of `process` and `linux` that tell how the kernel treats a container's processes, as the kernel sees them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Spec } from "../../src/runtime/spec.ts";
import { refuseHostSysctls } from "../../src/runtime/sysctl.ts";
import type { SpecChange } from "../fixtures/bundle.ts";
import { Bundle } from "../fixtures/bundle.ts";

let bundle: Bundle;
beforeAll(async () => {
  bundle = await Bundle.make();
  mkdirSync(join(bundle.rootfs, "etc"), { recursive: true });
});
afterAll(() => bundle[Symbol.asyncDispose]());

/** What a script says in a container; errors fail the test. */
async function say(script: string, change: SpecChange = {}): Promise<string> {
  const { stdout, stderr, error } = await bundle.sh(script, change);
  expect({ stderr, error }).toEqual({ stderr: "", error: undefined });
  return stdout.trim();
}

/** A field of the 7th and further ones of /proc/PID/stat, counted as `man 5 proc_pid_stat` counts. */
const stat = (field: number) => `cut -d')' -f2 /proc/self/stat | tr ' ' '\\n' | sed -n ${field - 1}p`;
const [nice, realtimePriority, policy] = [stat(19), stat(40), stat(41)];

describe("process.scheduler", () => {
  test("sets policy and nice value of an ordinary process", async () => {
    const scheduler = { policy: "SCHED_BATCH", nice: 7 } as const;
    expect(await say(`${policy}; ${nice}`, { process: { scheduler } })).toBe("3\n7");
  });

  test("sets a real-time priority, and takes it back from children when told", async () => {
    const scheduler = { policy: "SCHED_RR", priority: 13, flags: ["SCHED_FLAG_RESET_ON_FORK"] } as const;
    const script =
      "read _ _ rest </proc/1/stat; cut -d')' -f2 /proc/1/stat | tr ' ' '\\n' | sed -n '39p;40p'";
    expect(await say(script, { process: { scheduler } })).toBe("13\n2");
    expect(await say(`${realtimePriority}; ${policy}`, { process: { scheduler } })).toBe("0\n0");
  });

  test("tells what the kernel refuses", async () => {
    const scheduler = { policy: "SCHED_DEADLINE", runtime: 1, deadline: 2, period: 3 } as const;
    const { error } = await bundle.sh("true", { process: { scheduler } });
    expect(error).toContain("scheduling policy");
    expect(error).toContain("EINVAL");
  });

  test("holds for a process that joins", async () => {
    using container = await bundle.sleeping();
    const scheduler = { policy: "SCHED_IDLE" } as const;
    expect((await container.exec(policy, { scheduler })).stdout).toBe("5\n");
  });
});

describe("process.ioPriority", () => {
  test.each([
    ["IOPRIO_CLASS_BE", 3, "best-effort: prio 3"],
    ["IOPRIO_CLASS_IDLE", 0, "idle"],
    ["IOPRIO_CLASS_RT", 2, "realtime: prio 2"],
  ] as const)("%s %d", async (name, priority, shown) => {
    expect(await say("ionice -p $$", { process: { ioPriority: { class: name, priority } } })).toBe(shown);
  });
});

describe("CPU affinity", () => {
  const allowed = "sed -n 's/^Cpus_allowed_list:[^0-9]*//p' /proc/self/status";
  const all = Bun.spawnSync(["nproc"]).stdout.toString().trim();

  test("of the runtime is not that of the container", async () => {
    const script = `${import.meta.dir}/../fixtures/run-bundle.ts`;
    const run = [process.execPath, script, bundle.directory, "nproc"];
    expect(Bun.spawnSync(["taskset", "-c", "0", ...run]).stdout.toString()).toBe(`${all}\n`);
  });

  test("process.execCPUAffinity is for processes that join: the final one stays", async () => {
    using container = await bundle.sleeping();
    const run = async (execCPUAffinity: object) =>
      (await container.exec(allowed, { execCPUAffinity })).stdout;
    expect(await run({ initial: "0", final: "0" })).toBe("0\n");
    expect(await run({ initial: "0" })).toBe((await container.exec(allowed)).stdout);
  });
});

describe("linux.personality", () => {
  test("LINUX32 makes uname tell of a 32-bit machine", async () => {
    const machine = await say("uname -m", { linux: { personality: { domain: "LINUX32" } } });
    expect(machine).toMatch(/^(i686|armv8l)$/);
    expect(await say("uname -m", { linux: { personality: { domain: "LINUX" } } })).toBe(
      Bun.spawnSync(["uname", "-m"]).stdout.toString().trim(),
    );
  });

  test("holds for a process that joins", async () => {
    using container = await bundle.sleeping({ linux: { personality: { domain: "LINUX32" } } });
    expect((await container.exec("uname -m")).stdout).toMatch(/^(i686|armv8l)\n$/);
  });
});

describe("linux.memoryPolicy", () => {
  const policyOf = "head -1 /proc/self/numa_maps | cut -d' ' -f2";

  test.each([
    [{ mode: "MPOL_BIND", nodes: "0" }, "bind:0"],
    [{ mode: "MPOL_INTERLEAVE", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] }, "interleave=static:0"],
    [{ mode: "MPOL_PREFERRED" }, "local"],
    [{ mode: "MPOL_DEFAULT" }, "default"],
  ])("%j", async (memoryPolicy, shown) => {
    expect(await say(policyOf, { linux: { memoryPolicy } })).toBe(shown);
  });

  test("tells what the kernel refuses", async () => {
    const memoryPolicy = { mode: "MPOL_BIND", nodes: "900" };
    expect((await bundle.sh("true", { linux: { memoryPolicy } })).error).toContain("set_mempolicy: EINVAL");
  });
});

describe("the variable HOME", () => {
  const passwd = (text: string) => writeFileSync(join(bundle.rootfs, "etc/passwd"), text);

  test("comes from the container's passwd when the spec has none, or an empty one", async () => {
    passwd("root:x:0:0:root:/root:/bin/sh\nbad line\nalice:x:1000:1000::/home/alice:/bin/sh");
    expect(await say("echo $HOME")).toBe("/root");
    const user = { uid: 1000, gid: 1000 };
    expect(await say("echo $HOME", { process: { user } })).toBe("/home/alice");
    expect(await say("echo $HOME", { process: { user, env: ["HOME=", "PATH=/bin"] } })).toBe("/home/alice");
    expect(await say("echo $HOME", { process: { user, env: ["HOME=/x", "PATH=/bin"] } })).toBe("/x");
  });

  test("is the root for a user without an entry, or without a directory", async () => {
    passwd(
      `alice:x:1000:1000:::\n:::::/wrong:\nhex:x:0x3e9:0::/hex:\nlong:x:1001:0::/${"x".repeat(2000)}:\n`,
    );
    expect(await say("echo $HOME", { process: { user: { uid: 1001, gid: 0 } } })).toBe("/");
    expect(await say("echo $HOME", { process: { user: { uid: 1000, gid: 0 } } })).toBe("/");
  });

  test("is not read from where an image's link or fifo leads", async () => {
    const file = join(bundle.rootfs, "etc/passwd");
    rmSync(file);
    symlinkSync("/proc/self/root/etc/passwd", file);
    expect(await say("echo $HOME")).toBe("/");
    rmSync(file);
    Bun.spawnSync(["mkfifo", file]);
    expect(await say("echo $HOME")).toBe("/");
    rmSync(file);
    expect(await say("echo $HOME")).toBe("/");
  });

  test("is there for a process that joins", async () => {
    passwd("root:x:0:0:root:/root:/bin/sh\n");
    using container = await bundle.sleeping();
    expect((await container.exec("echo $HOME")).stdout).toBe("/root\n");
  });
});

describe("security labels", () => {
  const hasAppArmor =
    Bun.spawnSync(["grep", "-q", "Y", "/sys/module/apparmor/parameters/enabled"]).exitCode === 0;
  const hasSELinux = Bun.spawnSync(["test", "-e", "/sys/fs/selinux/enforce"]).exitCode === 0;

  test.skipIf(hasAppArmor)("of AppArmor are refused by a host without it", async () => {
    const { error } = await bundle.sh("true", { process: { apparmorProfile: "docker-default" } });
    expect(error).toContain(
      'process.apparmorProfile: "docker-default" cannot be applied: AppArmor is not enabled',
    );
    expect(await say("echo ok", { process: { apparmorProfile: "unconfined" } })).toBe("ok");
  });

  test.skipIf(hasSELinux)("of SELinux are refused by a host without it", async () => {
    const label = "system_u:system_r:container_t:s0";
    expect((await bundle.sh("true", { process: { selinuxLabel: label } })).error).toContain(
      "process.selinuxLabel",
    );
    // Files have no labels there: that of the mounts says nothing.
    expect(await say("echo ok", { linux: { mountLabel: label } })).toBe("ok");
    using container = await bundle.sleeping();
    expect((await container.exec("true", { selinuxLabel: label })).error).toContain("SELinux is not enabled");
  });
});

describe("linux.intelRdt", () => {
  test.skipIf(readFileSync("/proc/mounts", "utf8").includes(" resctrl "))(
    "is refused by a host without resctrl",
    async () => {
      const { error } = await bundle.sh("true", {
        linux: { intelRdt: { closID: "fast", schemata: ["L3:0=f"] } },
      });
      expect(error).toContain("linux.intelRdt: the host has no resctrl filesystem mounted");
    },
  );
});

describe("linux.sysctl", () => {
  test("sets what belongs to the container's namespaces, also by names with slashes", async () => {
    const sysctl = { "kernel.msgmax": "4096", "net/ipv4/ip_forward": "1", "kernel.domainname": "domain" };
    const files = "/proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/domainname";
    expect(await say(`cat ${files}`, { linux: { sysctl } })).toBe("4096\n1\ndomain");
  });

  test("of the network is refused when the network that is joined is the runtime's own", () => {
    const spec = (path: string): Spec => ({
      ociVersion: "1.3.0",
      linux: { sysctl: { "net.ipv4.ip_forward": "1" }, namespaces: [{ type: "network", path }] },
    });
    expect(() => refuseHostSysctls(spec("/proc/self/ns/net"))).toThrow("would change the host's");
    expect(() => refuseHostSysctls(spec(`/proc/${process.ppid}/ns/net`))).toThrow("its own network");
    refuseHostSysctls({
      ociVersion: "1.3.0",
      linux: { namespaces: [{ type: "network", path: "/proc/self/ns/net" }] },
    });
  });
});

describe("process.rlimits", () => {
  test("sets soft and hard limits, for a process that joins too", async () => {
    const rlimits = [
      { type: "RLIMIT_NOFILE", soft: 100, hard: 200 },
      { type: "RLIMIT_CORE", soft: 0, hard: 0 },
      { type: "RLIMIT_CPU", soft: 1000, hard: 2 ** 64 },
    ];
    const script = "ulimit -Sn; ulimit -Hn; ulimit -Hc; ulimit -St; ulimit -Ht";
    expect(await say(script, { process: { rlimits } })).toBe("100\n200\n0\n1000\nunlimited");
    using container = await bundle.sleeping();
    expect((await container.exec(script, { rlimits })).stdout).toBe("100\n200\n0\n1000\nunlimited\n");
  });
});

describe("a hard limit that may not be raised", () => {
  test("is named, with a user namespace and without", () => {
    const rlimits = [{ type: "RLIMIT_NPROC", soft: 1_000_000, hard: 2_000_000 }];
    const map = [{ containerID: 0, hostID: 0, size: 65_536 }];
    const namespaces = [
      { type: "mount" },
      { type: "pid" },
      { type: "network" },
      { type: "ipc" },
      { type: "user" },
    ];
    const linux = { namespaces, uidMappings: map, gidMappings: map };
    for (const change of [{ process: { rlimits } }, { process: { rlimits }, linux }]) {
      const run = [process.execPath, `${import.meta.dir}/../fixtures/run-bundle.ts`, bundle.directory];
      const limited = ["prlimit", "--nproc=1000:1000", "setpriv", "--bounding-set=-sys_resource"];
      const { stderr } = Bun.spawnSync([...limited, ...run, "--change", JSON.stringify(change)], {
        stderr: "pipe",
      });
      expect(stderr.toString()).toContain(
        "process.rlimits: set RLIMIT_NPROC: EPERM: operation not permitted",
      );
    }
  });
});

describe("process.user", () => {
  test("umask, groups", async () => {
    const user = { uid: 5, gid: 6, additionalGids: [7, 8], umask: 0o77 };
    expect(await say("umask; id -u; id -g; id -G", { process: { user } })).toBe("0077\n5\n6\n6 7 8");
    expect(await say("umask")).toBe("0022");
  });
});
