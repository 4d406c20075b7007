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
    const { capabilities, ...process } = example().process;
    const expected: unknown = {
      ...example(),
      process: { ...process, capabilities: { ...Object(capabilities), inheritable: [], ambient: [] } },
    };
    expect<unknown>(spec).toEqual(expected);
    expect(warnings).toEqual([]);
  });

  test("the least that a spec can be", () => {
    const least: Spec = { ociVersion: "1.0.2-dev" };
    expect(validateSpec(least).spec).toEqual(least);
  });

  test("unknown fields, and leaves them out", () => {
    expect(validateSpec({ ociVersion: "1.3.0", solaris: {}, linux: { future: 1 } }).spec).toEqual({
      ociVersion: "1.3.0",
      linux: {},
    });
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
    ["process.user", undefined, "process.user: "],
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
  ])("%s %j", (path, value, message) => {
    expect(messageOf(changed(path, value))).toStartWith(`read config.json: ${message}`);
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
