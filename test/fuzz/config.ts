/**
 * Feeds damaged specs to what makes a plan of config.json: each is refused with an error for people, or becomes a plan that the
 * shim's format can hold. By hand: `bun test/fuzz/config.ts [SECONDS] [SEED]`.
 */
import { pack } from "../../ffi/plan-record.ts";
import { CurruntError, explain } from "../../src/base/error.ts";
import { hookSteps } from "../../src/runtime/hook.ts";
import { compile } from "../../src/runtime/plan.ts";
import { scheduleSteps } from "../../src/runtime/schedule.ts";
import { compileSeccomp, seccompFlags } from "../../src/runtime/seccomp.ts";
import type { Spec } from "../../src/runtime/spec.ts";
import { validateSpec } from "../../src/runtime/validate.ts";
import { defaultMounts, specWith } from "../fixtures/bundle.ts";
import type { Random } from "./random.ts";
import { damageValue, randomOf } from "./random.ts";

const hook = { path: "/bin/true", args: ["true", "x"], env: ["A=b"], timeout: 3 };
const mapping = { containerID: 0, hostID: 1000, size: 65_536 };

/** Specs that are good, and between them have every kind of field. */
export const corpus: readonly Spec[] = [
  specWith(),
  specWith({
    hostname: "h",
    domainname: "d",
    annotations: { a: "b" },
    root: { path: "rootfs", readonly: true },
    hooks: {
      prestart: [hook],
      createRuntime: [hook],
      createContainer: [hook],
      startContainer: [hook],
      poststop: [hook],
    },
    process: {
      terminal: true,
      consoleSize: { height: 3, width: 4 },
      user: { uid: 1, gid: 2, umask: 63, additionalGids: [3] },
      rlimits: [{ type: "RLIMIT_NOFILE", soft: 1, hard: 2 }],
      noNewPrivileges: true,
      oomScoreAdj: 5,
      scheduler: { policy: "SCHED_RR", priority: 5, flags: ["SCHED_FLAG_RESET_ON_FORK"] },
      ioPriority: { class: "IOPRIO_CLASS_BE", priority: 3 },
    },
    mounts: [
      ...defaultMounts,
      { destination: "/m", source: "/etc", options: ["rbind", "rro", "rslave", "nosuid"] },
      { destination: "/n/../o", type: "tmpfs", source: "t", options: ["tmpcopyup", "size=4k", "mode=700"] },
      { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"] },
    ],
    linux: {
      devices: [{ path: "/dev/x", type: "c", major: 1, minor: 3, fileMode: 438, uid: 1, gid: 1 }],
      sysctl: { "net.ipv4.ip_forward": "1", "kernel.shmmax": "5" },
      rootfsPropagation: "slave",
      personality: { domain: "LINUX32" },
      memoryPolicy: { mode: "MPOL_BIND", nodes: "0-1", flags: ["MPOL_F_STATIC_NODES"] },
      resources: {
        devices: [{ allow: false, access: "rwm" }],
        memory: { limit: 5_000_000, swap: 6_000_000 },
        cpu: { shares: 4, cpus: "0-1" },
        unified: { "memory.high": "4" },
      },
      cgroupsPath: "/a/b",
      seccomp: {
        defaultAction: "SCMP_ACT_ERRNO",
        defaultErrnoRet: 5,
        architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        flags: ["SECCOMP_FILTER_FLAG_LOG"],
        syscalls: [
          { names: ["read", "write"], action: "SCMP_ACT_ALLOW" },
          {
            names: ["kill"],
            action: "SCMP_ACT_TRACE",
            errnoRet: 3,
            args: [{ index: 1, value: 9, valueTwo: 8, op: "SCMP_CMP_MASKED_EQ" }],
          },
        ],
      },
    },
  }),
  specWith({
    linux: {
      namespaces: [
        { type: "mount" },
        { type: "user" },
        { type: "time" },
        { type: "network", path: "/proc/1/ns/net" },
      ],
      uidMappings: [mapping],
      gidMappings: [mapping],
      timeOffsets: { monotonic: { secs: 5, nanosecs: 6 } },
    },
  }),
];

const strange: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1, 0.5, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 64, -(2 ** 63), 1e308],
  ...[
    "",
    "/",
    "..",
    "/..",
    "a\0b",
    "x".repeat(5000),
    "ü",
    "\ud800",
    "__proto__",
    "constructor",
    "0",
    "-1",
    "0-9999999",
  ],
  ...[
    "bind",
    "rbind",
    "idmap",
    "remount",
    "tmpfs",
    "proc",
    "cgroup",
    "SCMP_ACT_NOTIFY",
    "SCMP_CMP_NE",
    "user",
    "mount",
  ],
  ...[[], {}, [[]], [{}], [null], { length: 5 }, ["a", 1]],
];

/** One damaged spec, as JSON. */
export function damagedSpec(random: Random): string {
  const spec = corpus[random(corpus.length)];
  return JSON.stringify(damageValue(spec, strange, { random, rate: 8 + random(400) })) ?? "null";
}

/** What became of a spec. */
export type Outcome = "planned" | "refused";

/** Makes a plan of the spec in `json`. Throws what is no refusal. */
export function planOf(json: string): Outcome {
  try {
    const { spec } = validateSpec(JSON.parse(json));
    const { process, linux, hooks } = spec;
    const profile = linux?.seccomp;
    const seccomp = !profile?.defaultAction
      ? undefined
      : { filter: compileSeccomp(profile), flags: seccompFlags(profile) };
    const hooked = { hooks, container: { ...spec, id: "fuzz", bundle: "/bundle" }, directory: "/" };
    const created = hookSteps("createContainer", hooked);
    const draft = compile({
      id: "fuzz",
      spec,
      bundle: "/bundle",
      rootfs: false,
      deathSignal: 0,
      hostCgroup: { version: 2 },
      seccomp,
      schedule: process === undefined ? undefined : scheduleSteps(process, linux),
      hooks: { runtime: true, createContainer: created },
      startHooks: hookSteps("startContainer", hooked),
    });
    const { header, records } = pack(draft.steps, { more: false });
    if (header.length === 0 || records.length % 8 !== 0) throw new Error("the plan is malformed");
    return "planned";
  } catch (error) {
    if (error instanceof CurruntError && error.kind !== "internal") return "refused";
    throw new Error(`${explain(error)}\nwith ${json}`, { cause: error });
  }
}

function main(seconds: number, seed: number): void {
  const random = randomOf(seed);
  const end = Date.now() + seconds * 1000;
  const count = { planned: 0, refused: 0 };
  while (Date.now() < end) count[planOf(damagedSpec(random))]++;
  console.log(`seed ${seed}: ${count.planned} planned, ${count.refused} refused, nothing else`);
}

if (import.meta.main) main(Number(process.argv[2] ?? 60), Number(process.argv[3] ?? Date.now() % 1e6));
