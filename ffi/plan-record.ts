/** The binary form of a plan and of the shim's messages: the records of `shim/plan.h`. */
import { IOPRIO_CLASS_SHIFT, sched_attr } from "./kernel.ts";
import { mountRecordOf } from "./mount-record.ts";
import type { Namespace, Step } from "./plan.ts";
import { namespaceFlags } from "./plan.ts";
import type { StepRecord } from "./record-writer.ts";
import { RecordWriter, stepFlags } from "./record-writer.ts";
import { struct } from "./struct.ts";

/** The numbers of plan.h's `enum op`, in its order. */
export const operations = {
  clone: 1,
  setns: 2,
  unshare: 3,
  sync: 4,
  deathSignal: 5,
  session: 6,
  keyring: 7,
  loopback: 8,
  open: 9,
  write: 10,
  tree: 11,
  filesystem: 12,
  attributes: 13,
  attach: 14,
  cover: 15,
  pivot: 16,
  mask: 17,
  readonly: 18,
  directory: 19,
  device: 20,
  symlink: 21,
  terminal: 22,
  nullStdio: 23,
  ownStdio: 24,
  hostname: 25,
  domainname: 26,
  close: 27,
  umask: 28,
  chdir: 29,
  rlimit: 30,
  noNewPrivileges: 31,
  seccomp: 32,
  boundingSet: 33,
  user: 34,
  capabilities: 35,
  exec: 36,
  forget: 37,
  lookup: 38,
  await: 39,
  cgroup: 40,
  scheduler: 41,
  ioPriority: 42,
  affinity: 43,
  personality: 44,
  memoryPolicy: 45,
  home: 46,
  hook: 47,
  dumpable: 48,
  remount: 49,
  copyUp: 50,
  idmap: 51,
  chroot: 52,
} as const satisfies Record<Step["op"], number>;

/** `MESSAGE_*` of plan.h. */
export const messageTypes = { CLONED: 1, SYNC: 2, FAILED: 3, EXECUTING: 4, LISTENER: 5 } as const;

/** Other constants of plan.h. */
export const planConstants = {
  PLAN_MAGIC: 0x6e757263,
  PLAN_VERSION: 1,
  PLAN_SLOTS: 1024,
  PLAN_SOCKET: 3,
  PLAN_CHUNK: 32768,
} as const;

export const planHeader = struct("plan", {
  magic: "u32",
  version: "u32",
  size: "u32",
  steps: "u32",
  more: "u32",
  slot: "u32",
});
export const messageHeader = struct("message", { type: "u32", step: "i32", value: "i32" });
/** Packs a part of a plan for the shim: its header, and its records. Refuses a text with a NUL inside. */
export function pack(
  steps: readonly Step[],
  { more, slot = 0 }: { more: boolean; slot?: number },
): { header: Uint8Array; records: Uint8Array } {
  const writer = new RecordWriter();
  for (const step of steps) writer.add(operations[step.op], recordOf(step));
  const records = writer.take();
  const { PLAN_MAGIC: magic, PLAN_VERSION: version } = planConstants;
  const header = { magic, version, size: records.length, steps: steps.length, more: more ? 1 : 0, slot };
  return { header: planHeader.pack(header), records };
}

const flagsOf = (namespaces: readonly Namespace[]) =>
  namespaces.reduce((flags, name) => flags | namespaceFlags[name], 0);
const setnsFlags = { now: 0, try: stepFlags.TRY, rest: stepFlags.REST } as const;

function recordOf(step: Step): StepRecord {
  switch (step.op) {
    case "clone":
      return {
        slot: step.cgroup,
        numbers: [flagsOf(step.namespaces), step.deathSignal],
        flags: step.apart === true ? stepFlags.APART : 0,
      };
    case "setns":
      return { slot: step.slot, numbers: [flagsOf(step.namespaces)], flags: setnsFlags[step.when ?? "now"] };
    case "unshare":
      return { numbers: [flagsOf(step.namespaces)] };
    case "cgroup":
      return { texts: [step.path], flags: step.optional ? stepFlags.OPTIONAL : 0 };
    case "sync":
      return { texts: [step.point] };
    case "deathSignal":
      return { numbers: [step.signal] };
    case "keyring":
    case "hostname":
    case "domainname":
      return { texts: [step.name] };
    case "session":
    case "loopback":
    case "noNewPrivileges":
      return {};
    case "close":
      return packClose(step);
    case "lookup":
      return { numbers: [step.paths.length], texts: [step.paths] };
    case "await":
      return { slot: step.slot, other: step.failure };
    case "scheduler":
      return { numbers: [sched_attr.size], texts: [packScheduler(step)] };
    case "ioPriority":
      return { numbers: [(step.level << IOPRIO_CLASS_SHIFT) | step.priority] };
    case "affinity":
      return step.cpus === undefined ? {} : { numbers: [step.cpus.length], texts: [step.cpus] };
    case "personality":
      return { numbers: [step.persona] };
    case "memoryPolicy":
      return { numbers: [step.mode, step.nodes.length], texts: step.nodes.length === 0 ? [] : [step.nodes] };
    case "hook":
      return {
        numbers: [step.args.length, step.env.length, step.timeoutMs],
        flags: step.home ? stepFlags.HOME : 0,
        texts: [[step.path, ...step.state, step.directory, step.name], step.args, step.env],
      };
    case "dumpable":
      return { numbers: [step.on ? 1 : 0] };
    case "home":
      return { numbers: [step.uid] };
    case "umask":
      return { numbers: [step.mask] };
    case "chdir":
      return { texts: [step.path], flags: step.optional ? stepFlags.OPTIONAL : 0 };
    case "rlimit":
      return { numbers: [step.resource, step.soft, step.hard] };
    case "seccomp":
      return { texts: [step.filter], numbers: [step.filter.length / 8, step.flags] };
    case "boundingSet":
      return { numbers: [step.keep] };
    case "user":
      return packUser(step);
    case "capabilities":
      return { numbers: [step.effective, step.permitted, step.inheritable, step.ambient] };
    case "exec":
      return {
        numbers: [step.paths.length, step.args.length, step.env.length],
        texts: [step.paths, step.args, step.env],
      };
    case "terminal":
      return {
        slot: step.slot,
        other: step.root,
        numbers: [step.uid, step.rows, step.columns],
        flags: (step.console ? stepFlags.CONSOLE : 0) | (step.plain ? stepFlags.PLAIN : 0),
      };
    case "nullStdio":
      return { other: step.root };
    case "ownStdio":
      return { numbers: [step.uid] };
    default:
      return mountRecordOf(step);
  }
}

function packScheduler(step: Step & { op: "scheduler" }): Uint8Array {
  return sched_attr.pack({
    size: sched_attr.size,
    sched_policy: step.policy,
    sched_flags: step.flags,
    sched_nice: step.nice,
    sched_priority: step.priority,
    sched_runtime: step.runtime,
    sched_deadline: step.deadline,
    sched_period: step.period,
  });
}

function packClose({ preserve = [], keep }: Step & { op: "close" }): StepRecord {
  return {
    slot: keep?.slot,
    other: keep?.failure,
    numbers: [preserve.length],
    texts: preserve.length === 0 ? [] : [new Uint8Array(new Int32Array(preserve).buffer)],
  };
}

function packUser(step: Step & { op: "user" }): StepRecord {
  const groups = step.groups ?? [];
  return {
    numbers: [step.uid, step.gid, groups.length],
    texts: groups.length === 0 ? [] : [new Uint8Array(new Uint32Array(groups).buffer)],
    flags: step.groups === undefined ? 0 : stepFlags.REPLACE | (groups.length === 0 ? stepFlags.OPTIONAL : 0),
  };
}

/** What the shim said. */
export interface Message {
  readonly type: number;
  /** Index of the step that speaks; -1: none yet. */
  readonly step: number;
  readonly value: number;
  readonly text: string;
}

/** Reads one packet of the shim's. */
export function unpackMessage(packet: Uint8Array): Message {
  const { type, step, value } = messageHeader.unpack(packet);
  return { type, step, value, text: Buffer.from(packet.subarray(messageHeader.size)).toString() };
}
