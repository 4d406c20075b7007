/** The plan of a spec: the order of everything, without root and without a kernel. */
import { describe, expect, test } from "bun:test";
import type { Step } from "../../../ffi/plan.ts";
import type { CompileOptions } from "../../../src/runtime/plan.ts";
import { compile, describePlan } from "../../../src/runtime/plan.ts";
import type { Process, Spec } from "../../../src/runtime/spec.ts";

const process: Process = {
  user: { uid: 1000, gid: 100 },
  args: ["sh"],
  env: ["PATH=/bin:/usr/bin"],
  cwd: "/",
};
const minimal: Spec = {
  ociVersion: "1.2.0",
  root: { path: "rootfs" },
  process,
  linux: { namespaces: [{ type: "mount" }, { type: "pid" }] },
};

function optionsFor(spec: Partial<Spec>, more: Partial<CompileOptions> = {}): CompileOptions {
  const facts = { deathSignal: 0, seccomp: undefined, hostCgroup: undefined };
  return { id: "box", spec: { ...minimal, ...spec }, bundle: "/bundle", rootfs: false, ...facts, ...more };
}

function stepsFor(spec: Partial<Spec>, more: Partial<CompileOptions> = {}): readonly Step[] {
  return compile(optionsFor(spec, more)).steps;
}

/** Index of the first step of this kind; -1: none. */
const indexOf = (steps: readonly Step[], op: Step["op"]) => steps.findIndex((step) => step.op === op);

describe("compile()", () => {
  test("keeps the caller's groups where podman asks for that, and gives those of the spec else", () => {
    const user = { uid: 1000, gid: 100, additionalGids: [7] };
    const groups = (annotations: Record<string, string>) => {
      const step = stepsFor({ process: { ...process, user }, annotations }).find(({ op }) => op === "user");
      return step?.op === "user" ? step.groups : [];
    };
    expect(groups({})).toEqual([7]);
    expect(groups({ "run.oci.keep_original_groups": "0" })).toEqual([7]);
    expect(groups({ "run.oci.keep_original_groups": "1" })).toBeUndefined();
  });

  test("makes the smallest container in this order", () => {
    expect(describePlan(optionsFor({}))).toEqual([
      "clone init into new namespaces: mount, pid",
      "start a session",
      'join a new session keyring "_ses.box"',
      'open "/" as #0',
      "make #0 and all below slave",
      'open the tree at "/bundle/rootfs", with its mounts, as #1',
      'open "/dev" as #2',
      'mount #1 over the host\'s "/"',
      "make #1 and all below private",
      ...[
        ["null", "1:3"],
        ["zero", "1:5"],
        ["full", "1:7"],
        ["random", "1:8"],
        ["urandom", "1:9"],
        ["tty", "5:0"],
      ].map(([name, number]) => `make device "/dev/${name}" in #1: c ${number}, mode 0666`),
      'link "/dev/fd" in #1 to "/proc/self/fd"',
      'link "/dev/stdin" in #1 to "/proc/self/fd/0"',
      'link "/dev/stdout" in #1 to "/proc/self/fd/1"',
      'link "/dev/stderr" in #1 to "/proc/self/fd/2"',
      'link "/dev/core" in #1 to "/proc/kcore"',
      'link "/dev/ptmx" in #1 to "pts/ptmx"',
      'make directory "/" in #1, mode 0755',
      "open streams on the host's /dev/null anew",
      "make #1 the root and let go of the old one",
      "run on all CPUs",
      "look for the home directory of user 1000",
      "give pipes among the streams to user 1000",
      "close all descriptors but 0, 1, 2",
      "set the umask to 022",
      'change the directory to "/", if allowed',
      "keep the bounding capabilities 0x0",
      "become user 1000, group 100, groups none",
      'change the directory to "/"',
      "set capabilities: effective 0x0, permitted 0x0, inheritable 0x0, ambient 0x0",
      "outlive the parent",
      'execute "sh" from "/bin/sh", "/usr/bin/sh", 1 variables',
    ]);
  });

  test("opens the sources of binds before the root covers the host's", () => {
    const steps = stepsFor({ mounts: [{ destination: "/data", source: "data", options: ["rbind", "ro"] }] });
    const source = steps.findIndex((step) => step.op === "tree" && step.path === "/bundle/data");
    expect(source).toBeGreaterThan(0);
    expect(source).toBeLessThan(indexOf(steps, "cover"));
  });

  test("installs the seccomp filter last with no_new_privs, and before capabilities go without", () => {
    const seccomp = { filter: new Uint8Array(8), flags: 0 };
    const without = stepsFor({}, { seccomp });
    expect(indexOf(without, "seccomp")).toBeLessThan(indexOf(without, "boundingSet"));
    const withIt = stepsFor({ process: { ...process, noNewPrivileges: true } }, { seccomp });
    expect(indexOf(withIt, "seccomp")).toBe(withIt.length - 2);
    expect(indexOf(withIt, "noNewPrivileges")).toBeLessThan(indexOf(withIt, "seccomp"));
  });

  test("sets the death signal behind the last change of credentials", () => {
    const steps = stepsFor({}, { deathSignal: 9 });
    expect(indexOf(steps, "deathSignal")).toBeGreaterThan(indexOf(steps, "capabilities"));
    expect(steps[0]).toMatchObject({ op: "clone", deathSignal: 9 });
  });

  test("makes /dev read-only when it has been filled, and leaves a bound /dev alone", () => {
    const mount = { destination: "/dev", type: "tmpfs", options: ["ro", "nosuid"] };
    const steps = stepsFor({ mounts: [mount] });
    const made = steps.find((step) => step.op === "filesystem");
    expect(made).toMatchObject({ attributes: ["nosuid"] });
    const slot = made?.op === "filesystem" ? made.slot : -1;
    expect(steps.findLastIndex((step) => step.op === "attributes" && step.slot === slot)).toBeGreaterThan(
      steps.findLastIndex((step) => step.op === "symlink"),
    );
    const bound = stepsFor({ mounts: [{ destination: "/dev", source: "/dev", options: ["rbind"] }] });
    expect(indexOf(bound, "device")).toBe(-1);
  });

  test("takes a passed root and a terminal in the order of its inputs", () => {
    const options = optionsFor({ process: { ...process, terminal: true } }, { rootfs: true });
    const { steps, inputs } = compile(options);
    expect(inputs).toEqual(["terminal", "rootfs"]);
    expect(steps.find((step) => step.op === "terminal")).toMatchObject({ slot: 0, root: 1, console: true });
    expect(steps.find((step) => step.op === "pivot")).toMatchObject({ slot: 1 });
  });

  test("joins a namespace that has a path before the clone, and brings loopback up only in a new one", () => {
    const joining = stepsFor({
      linux: { namespaces: [{ type: "mount" }, { type: "network", path: "/proc/7/ns/net" }] },
    });
    expect(indexOf(joining, "setns")).toBeLessThan(indexOf(joining, "clone"));
    expect(indexOf(joining, "loopback")).toBe(-1);
    expect(joining.find((step) => step.op === "clone")).toMatchObject({ namespaces: ["mount"] });
    const making = stepsFor({ linux: { namespaces: [{ type: "mount" }, { type: "network" }] } });
    expect(indexOf(making, "loopback")).toBeGreaterThan(0);
  });

  test("keeps the last of each variable, and looks for the program in the container's PATH", () => {
    const steps = stepsFor({ process: { ...process, env: ["A=1", "PATH=/x", "A=2=3", "PATH=/y:"] } });
    expect(steps.at(-1)).toEqual({
      op: "exec",
      paths: ["/y/sh", "./sh"],
      args: ["sh"],
      env: ["A=2=3", "PATH=/y:"],
    });
  });

  test("writes sysctls by path, with either separator", () => {
    const sysctl = { "net.ipv4.ip_forward": "1", "net/ipv4/conf/eth0.1/forwarding": "1" };
    const steps = stepsFor({ linux: { namespaces: [{ type: "mount" }], sysctl } });
    expect(steps.flatMap((step) => (step.op === "write" ? [step.path] : []))).toEqual([
      "sys/net/ipv4/ip_forward",
      "sys/net/ipv4/conf/eth0.1/forwarding",
    ]);
  });

  test.each<[string, Partial<Spec>]>([
    ["a program", { process: { ...process, args: [] } }],
    ["a mount namespace", { linux: { namespaces: [{ type: "pid" }] } }],
    ["twice", { linux: { namespaces: [{ type: "mount" }, { type: "mount" }] } }],
    ["uts", { hostname: "box" }],
    ["mountpoint", { mounts: [{ destination: "/a/..", type: "tmpfs" }] }],
    ["/proc", { mounts: [{ destination: "/proc", type: "tmpfs" }] }],
    ["/proc", { mounts: [{ destination: "/proc/self/attr", source: "/x", options: ["bind"] }] }],
    ["NAME=value", { process: { ...process, env: ["=x"] } }],
    ["RLIMIT_X", { process: { ...process, rlimits: [{ type: "RLIMIT_X", soft: 1, hard: 1 }] } }],
  ])("refuses what is wrong with %s", (what, spec) => {
    expect(() => stepsFor(spec)).toThrow(what);
  });
});
