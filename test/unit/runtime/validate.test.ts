/** config.json from outside: what is taken, what is refused, and how that is told. */
import { describe, expect, test } from "bun:test";
import { CurruntError } from "../../../src/base/error.ts";
import type { Spec } from "../../../src/runtime/spec.ts";
import { validateSpec } from "../../../src/runtime/validate.ts";

/** A spec as `runc spec` would write it, shortened. */
function example(): Record<string, unknown> & {
  process: Record<string, unknown>;
  linux: Record<string, unknown>;
} {
  return {
    ociVersion: "1.2.0",
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ["sh"],
      env: ["PATH=/usr/bin:/bin", "TERM=xterm", "EMPTY="],
      cwd: "/",
      capabilities: { bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"] },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    hostname: "box",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "size=65536k"] },
    ],
    linux: {
      namespaces: [
        { type: "pid" },
        { type: "mount" },
        { type: "uts" },
        { type: "network", path: "/proc/1/ns/net" },
      ],
      maskedPaths: ["/proc/kcore"],
      resources: { devices: [{ allow: false, access: "rwm" }], memory: { limit: 2 ** 63 - 4096 } },
    },
  };
}

/** The example with `change` at `path` ("process.args"); undefined removes. */
function changed(path: string, change: unknown): unknown {
  const spec: Record<string, unknown> = example();
  const keys = path.split(".");
  const last = keys.pop() ?? "";
  let at: Record<string, unknown> = spec;
  for (const key of keys) {
    const next = at[key];
    const made = typeof next === "object" && next !== null ? (next as Record<string, unknown>) : {};
    at[key] = made;
    at = made;
  }
  if (change === undefined) delete at[last];
  else at[last] = change;
  return spec;
}

function messageOf(json: unknown): string {
  try {
    validateSpec(json);
  } catch (error) {
    expect(error).toBeInstanceOf(CurruntError);
    expect(error).toHaveProperty("kind", "invalid");
    return String((error as Error).message);
  }
  return "taken";
}

describe("validateSpec() takes", () => {
  test("a whole spec, unchanged", () => {
    const { spec, warnings } = validateSpec(example());
    expect<unknown>(spec).toEqual(example());
    expect(warnings).toEqual([]);
  });

  test("the least that a spec can be", () => {
    const least: Spec = { ociVersion: "1.0.2-dev" };
    expect(validateSpec(least).spec).toEqual(least);
  });

  test("unknown fields, whatever is in them", () => {
    const json = { ociVersion: "1.3.0", solaris: { x: "\0" }, windows: 1, linux: { future: [null] } };
    expect(messageOf(json)).toBe("taken");
  });

  test("null for what is absent", () => {
    const { spec } = validateSpec({
      ociVersion: "1.3.0",
      mounts: null,
      linux: { devices: null, seccomp: null },
    });
    expect(spec).toEqual({ ociVersion: "1.3.0", linux: {} });
  });

  test("capabilities that it does not know, without granting them", () => {
    const { spec, warnings } = validateSpec(
      changed("process.capabilities.bounding", ["CAP_KILL", "CAP_FLY"]),
    );
    expect(spec.process?.capabilities?.bounding).toEqual(["CAP_KILL"]);
    expect(warnings).toEqual(["process.capabilities.bounding: unknown, not granted: CAP_FLY"]);
  });

  test.each([
    [
      "linux.sysctl",
      { "net.ipv4.ip_forward": "1", "net/ipv4/conf/eth0.100/forwarding": "1", "kernel.domainname": "x" },
    ],
    ["process.rlimits", [{ type: "RLIMIT_CORE", soft: 18446744073709552000, hard: 18446744073709552000 }]],
    ["process.rlimits", [{ type: "RLIMIT_CORE", soft: 5, hard: -1 }]],
    ["mounts", [{ destination: "/proc/cpuinfo", type: "bind", source: "/x", options: ["bind"] }]],
    ["mounts", [{ destination: "/proc", source: "/proc", options: ["rbind"] }]],
    ["mounts", [{ destination: "data", type: "tmpfs" }]],
    ["process.scheduler", { policy: "SCHED_BATCH", nice: 5, flags: ["SCHED_FLAG_RESET_ON_FORK"] }],
    ["process.scheduler", { policy: "SCHED_FIFO", priority: 10, nice: 0 }],
    ["process.scheduler", { policy: "SCHED_DEADLINE", runtime: 1000000, deadline: 2000000, period: 3000000 }],
    ["process.ioPriority", { class: "IOPRIO_CLASS_IDLE", priority: 7 }],
    ["process.execCPUAffinity", { initial: "0-3,7", final: "" }],
    ["linux.memoryPolicy", { mode: "MPOL_PREFERRED" }],
    ["linux.memoryPolicy", { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] }],
    ["linux.intelRdt", { closID: "/", schemata: ["L3:0=f"], enableMonitoring: true }],
    ["linux.netDevices", { eth0: {}, eth1: { name: "lan%d" } }],
    ["linux.timeOffsets", { monotonic: { secs: -5 }, boottime: { nanosecs: 7 } }],
    ["process.ioPriority", { class: "IOPRIO_CLASS_IDLE" }],
    ["process.user", undefined],
    ["process.user", null],
    ["process.user", { uid: 1 }],
    ["linux.seccomp", {}],
    ["linux.seccomp", { defaultAction: "" }],
    ["linux.devices", [{ path: "/dev/x", type: "c", major: 1, minor: 3, fileMode: 0o20666 }]],
    ["hooks.prestart", [{ path: "/hook", env: ["odd"] }]],
    ["linux.resources.unified", { "memory.max": "1" }],
    ["mounts", [{ destination: "/procedures", type: "tmpfs" }]],
  ])("%s %j", (path, value) => expect(messageOf(changed(path, value))).toBe("taken"));
});

describe("validateSpec() refuses", () => {
  test.each([
    ["ociVersion", undefined, "ociVersion: "],
    ["ociVersion", "2.0.0", "ociVersion: is no version 1 of the runtime specification"],
    ["process.args", [], "process.args: is empty"],
    ["process.args", ["a", 1], "process.args[1]: "],
    ["process.args", ["a\0b"], "process.args[0]: contains a NUL character"],
    ["process.cwd", "work", "process.cwd: is no absolute path"],
    ["process.cwd", undefined, "process.cwd: "],
    ["process.env", ["PATH"], "process.env[0]: is not NAME=VALUE"],
    ["process.env", ["=x"], "process.env[0]: is not NAME=VALUE"],
    ["process.user.uid", -1, "process.user.uid: "],
    ["process.user.uid", 2 ** 32, "process.user.uid: "],
    ["process.user.uid", "0", "process.user.uid: "],
    ["process.user", "root", "process.user: "],
    ["process.oomScoreAdj", 1001, "process.oomScoreAdj: "],
    [
      "process.rlimits",
      [{ type: "NOFILE", soft: 1, hard: 1 }],
      'process.rlimits[0].type: "NOFILE" is none of',
    ],
    [
      "process.rlimits",
      [{ type: "RLIMIT_CPU", soft: 2, hard: 1 }],
      "process.rlimits[0].soft: 2 is above the hard limit, 1",
    ],
    [
      "process.rlimits",
      [
        { type: "RLIMIT_CPU", soft: 1, hard: 1 },
        { type: "RLIMIT_CPU", soft: 1, hard: 1 },
      ],
      'process.rlimits[1].type: "RLIMIT_CPU" is there twice',
    ],
    ["root.path", "", "root.path: is empty"],
    ["linux.namespaces", [{ type: "pid" }, { type: "pid" }], 'linux.namespaces: has "pid" twice'],
    ["linux.namespaces", [{ type: "net" }], "linux.namespaces[0].type: "],
    ["linux.namespaces", [{ type: "network", path: "ns" }], "linux.namespaces[0].path: is no absolute path"],
    ["linux.namespaces", [{ type: "mount" }], 'hostname: would change the host\'s: add {"type": "uts"}'],
    ["linux.namespaces", [{ type: "uts" }], 'linux.maskedPaths: needs {"type": "mount"}'],
    [
      "linux.uidMappings",
      [{ containerID: 0, hostID: 1, size: 1 }],
      'linux.uidMappings: needs {"type": "user"}',
    ],
    ["linux.uidMappings", [{ containerID: 0, hostID: 1, size: 0 }], "linux.uidMappings[0].size: "],
    ["linux.maskedPaths", ["proc/kcore"], "linux.maskedPaths[0]: is no absolute path"],
    ["linux.rootfsPropagation", "public", "linux.rootfsPropagation: "],
    [
      "linux.devices",
      [{ path: "/dev/x", type: "c", major: 1 }],
      'linux.devices[0]: needs major and minor for type "c"',
    ],
    ["linux.devices", [{ path: "/dev/x", type: "s" }], "linux.devices[0].type: "],
    [
      "linux.sysctl",
      { "kernel.hostname": "x" },
      "linux.sysctl.kernel.hostname: is set by the field hostname",
    ],
    ["linux.sysctl", { "vm.swappiness": "1" }, "linux.sysctl.vm.swappiness: has no namespace"],
    [
      "linux.sysctl",
      { "kernel.msgmax": "1" },
      'linux.sysctl.kernel.msgmax: would change the host\'s: add {"type": "ipc"}',
    ],
    ["linux.sysctl", { "net/../kernel/panic": "1" }, "linux.sysctl.net/../kernel/panic: is no name"],
    ["linux.sysctl", { "net..kernel": "1" }, "linux.sysctl.net..kernel: is no name"],
    ["linux.seccomp", { defaultAction: "ALLOW" }, "linux.seccomp.defaultAction: "],
    ["hooks.prestart", [{ path: "hook" }], "hooks.prestart[0].path: is no absolute path"],
    ["hooks.poststop", [{ path: "/hook", timeout: 0 }], "hooks.poststop[0].timeout: "],
    ["mounts", [{ destination: "/proc", type: "tmpfs" }], 'mounts[0].type: "tmpfs" on "/proc"'],
    [
      "mounts",
      [{ destination: "/proc/sys", type: "tmpfs" }],
      'mounts[0].destination: "/proc/sys" is inside /proc',
    ],
    ["mounts", [{ destination: "/a/../proc//sys/", type: "tmpfs" }], "mounts[0].destination: "],
    [
      "mounts",
      [
        {
          destination: "/x",
          source: "/y",
          options: ["bind"],
          uidMappings: [{ containerID: 0, hostID: 1, size: 1 }],
        },
      ],
      "mounts[0]: needs both uidMappings and gidMappings",
    ],
    ["annotations", { a: 1 }, "annotations.a: "],
    ["annotations", { "": "x" }, "annotations.: is empty"],
    ["linux.maskedPaths", ["/a\0b"], "linux.maskedPaths[0]: contains a NUL character"],
    ["process.user.umask", 0o1000, "process.user.umask: "],
    ["process.scheduler", { nice: 1 }, "process.scheduler.policy: is missing"],
    ["process.scheduler", { policy: "SCHED_FAST" }, 'process.scheduler.policy: "SCHED_FAST" is none of'],
    ["process.scheduler", { policy: "SCHED_ISO" }, "process.scheduler.policy: "],
    [
      "process.scheduler",
      { policy: "SCHED_FIFO", priority: 1, nice: 1 },
      "process.scheduler.nice: is for SCHED_OTHER and SCHED_BATCH, not for SCHED_FIFO",
    ],
    ["process.scheduler", { policy: "SCHED_RR" }, "process.scheduler.priority: SCHED_RR needs one"],
    [
      "process.scheduler",
      { policy: "SCHED_OTHER", priority: 1 },
      "process.scheduler.priority: is for SCHED_FIFO",
    ],
    ["process.scheduler", { policy: "SCHED_RR", priority: 1, period: 1 }, "process.scheduler.period: is for"],
    ["process.scheduler", { policy: "SCHED_BATCH", nice: 20 }, "process.scheduler.nice: 20 is more than 19"],
    ["process.scheduler", { policy: "SCHED_OTHER", flags: ["FAST"] }, "process.scheduler.flags[0]: "],
    ["process.ioPriority", { priority: 1 }, "process.ioPriority.class: is missing"],
    [
      "process.ioPriority",
      { class: "IOPRIO_CLASS_BE", priority: 8 },
      "process.ioPriority.priority: 8 is more",
    ],
    ["process.execCPUAffinity", { initial: "0-" }, "process.execCPUAffinity.initial: is no list"],
    ["linux.personality", { domain: "BSD" }, "linux.personality.domain: "],
    ["linux.memoryPolicy", { mode: "MPOL_BIND" }, "linux.memoryPolicy.nodes: is empty"],
    ["linux.memoryPolicy", { mode: "MPOL_LOCAL", nodes: "0" }, "linux.memoryPolicy.nodes: MPOL_LOCAL takes"],
    ["linux.memoryPolicy", { mode: "BIND", nodes: "0" }, "linux.memoryPolicy.mode: "],
    [
      "linux.memoryPolicy",
      { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"] },
      "linux.memoryPolicy.flags: ",
    ],
    ["linux.intelRdt", { closID: ".." }, "linux.intelRdt.closID: "],
    ["linux.intelRdt", { closID: "a/b" }, "linux.intelRdt.closID: "],
    ["linux.netDevices", { "a/b": {} }, "linux.netDevices.a/b: is no name"],
    ["linux.netDevices", { eth0: { name: "sixteen-letters-" } }, "linux.netDevices.eth0.name: "],
    [
      "linux.netDevices",
      { a: { name: "x" }, b: { name: "x" } },
      'linux.netDevices.b.name: "x" is there twice',
    ],
    ["linux.timeOffsets", { realtime: {} }, "linux.timeOffsets.realtime: "],
    ["linux.resources.pids", { limit: "1" }, "linux.resources.pids.limit: "],
    [
      "linux.resources.hugepageLimits",
      [{ pageSize: "2", limit: 1 }],
      "linux.resources.hugepageLimits[0].pageSize: ",
    ],
    [
      "linux.seccomp",
      { syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }] },
      "linux.seccomp.defaultAction: is missing",
    ],
    [
      "linux.seccomp",
      { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }] },
      "linux.seccomp.listenerPath: is missing",
    ],
    [
      "linux.seccomp",
      { defaultAction: "SCMP_ACT_ALLOW", listenerMetadata: "x" },
      "linux.seccomp.listenerMetadata: needs a listenerPath",
    ],
  ])("%s %j", (path, value, message) => {
    expect(messageOf(changed(path, value))).toStartWith(`read config.json: ${message}`);
  });

  test("a domain name that is set twice", () => {
    const namespaces = [{ type: "uts" }];
    const json = {
      ...example(),
      domainname: "a",
      linux: { namespaces, sysctl: { "kernel.domainname": "b" } },
    };
    expect(messageOf(json)).toBe(
      "read config.json: linux.sysctl.kernel.domainname: is set by the field domainname, too, to another value",
    );
  });

  test.each([[null], [[]], ["text"], [1]])("%j, which is no object", (json) => {
    expect(messageOf(json)).toStartWith("read config.json: ");
  });
});

test("validateSpec() is not misled by the names of prototypes", () => {
  const spec = JSON.parse(
    '{"ociVersion":"1.3.0","__proto__":{"hostname":"x"},"annotations":{"__proto__":"x","constructor":"y"}}',
  );
  expect(validateSpec(spec).spec.hostname).toBeUndefined();
  expect(Object.keys({})).toEqual([]);
});
