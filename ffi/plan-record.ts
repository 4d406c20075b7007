/** The binary form of a plan and of the shim's messages: the records of `shim/plan.h`. */
import { S_IFBLK, S_IFCHR, S_IFIFO } from "./kernel.ts";
import type { Namespace, Step } from "./plan.ts";
import { attributeBits, clearedBits, namespaceFlags, propagations } from "./plan.ts";
import type { StepRecord } from "./record-writer.ts";
import { RecordWriter } from "./record-writer.ts";
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
} as const satisfies Record<Step["op"], number>;

/** `STEP_*` of plan.h. */
export const stepFlags = {
  RECURSIVE: 1,
  NOFOLLOW: 2,
  OPTIONAL: 4,
  REPLACE: 8,
  CONSOLE: 16,
  READ: 32,
} as const;

/** `MESSAGE_*` of plan.h. */
export const messageTypes = { CLONED: 1, SYNC: 2, FAILED: 3, EXECUTING: 4 } as const;

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
});
export const messageHeader = struct("message", { type: "u32", step: "i32", value: "i32" });
/** Packs a part of a plan for the shim: its header, and its records. Refuses a text with a NUL inside. */
export function pack(
  steps: readonly Step[],
  { more }: { more: boolean },
): { header: Uint8Array; records: Uint8Array } {
  const writer = new RecordWriter();
  for (const step of steps) writer.add(operations[step.op], recordOf(step));
  const records = writer.take();
  const { PLAN_MAGIC: magic, PLAN_VERSION: version } = planConstants;
  const header = { magic, version, size: records.length, steps: steps.length, more: more ? 1 : 0 };
  return { header: planHeader.pack(header), records };
}

const flagsOf = (namespaces: readonly Namespace[]) =>
  namespaces.reduce((flags, name) => flags | namespaceFlags[name], 0);
const nodeTypes = { c: S_IFCHR, b: S_IFBLK, p: S_IFIFO } as const;

function recordOf(step: Step): StepRecord {
  switch (step.op) {
    case "clone":
      return { slot: step.cgroup, numbers: [flagsOf(step.namespaces), step.deathSignal] };
    case "setns":
      return { slot: step.slot, numbers: [flagsOf(step.namespaces)] };
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
        flags: step.console ? stepFlags.CONSOLE : 0,
      };
    case "nullStdio":
      return { other: step.root };
    case "ownStdio":
      return { numbers: [step.uid] };
    default:
      return mountRecordOf(step);
  }
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
    flags: step.groups === undefined ? 0 : stepFlags.REPLACE,
  };
}

type MountStep = Extract<
  Step,
  {
    op:
      | ("open" | "forget" | "write" | "tree" | "filesystem" | "attributes" | "attach" | "cover" | "pivot")
      | ("mask" | "readonly" | "directory" | "device" | "symlink");
  }
>;

function mountRecordOf(step: MountStep): StepRecord {
  switch (step.op) {
    case "open":
      return { slot: step.slot, texts: [step.path], flags: step.read ? stepFlags.READ : 0 };
    case "write":
      return { slot: step.slot, texts: [step.path, step.data] };
    case "tree":
      return { slot: step.slot, texts: [step.path], flags: step.recursive ? stepFlags.RECURSIVE : 0 };
    case "filesystem":
      return packFilesystem(step);
    case "attributes":
      return {
        slot: step.slot,
        numbers: [
          attributeBits(step.set),
          clearedBits(step.set, step.clear),
          step.propagation === undefined ? 0 : propagations[step.propagation],
        ],
        flags: step.recursive ? stepFlags.RECURSIVE : 0,
      };
    case "attach":
      return {
        slot: step.slot,
        other: step.root,
        texts: [step.path],
        flags: step.follow ? 0 : stepFlags.NOFOLLOW,
      };
    case "forget":
      return { slot: step.slot };
    case "cover":
      return { slot: step.slot, texts: [step.path] };
    case "pivot":
      return { slot: step.slot };
    case "mask":
      return { slot: step.source, other: step.root, texts: [step.path] };
    case "readonly":
      return { other: step.root, texts: [step.path] };
    case "directory":
      return { other: step.root, texts: [step.path], numbers: [step.mode] };
    case "device":
      return {
        other: step.root,
        texts: [step.path],
        numbers: [
          step.mode | nodeTypes[step.type],
          step.major,
          step.minor,
          BigInt(step.uid) | (BigInt(step.gid) << 32n),
        ],
      };
    case "symlink":
      return {
        other: step.root,
        texts: [step.path, step.target],
        flags: step.replace ? stepFlags.REPLACE : 0,
      };
  }
}

/** The type's name, then a pair of texts an option: the key, and "=value" or "" for a flag. */
function packFilesystem(step: Step & { op: "filesystem" }): StepRecord {
  const all = step.source === undefined ? step.options : [["source", step.source] as const, ...step.options];
  const pairs = all.flatMap(([key, value]) => [key, value === undefined ? "" : `=${value}`]);
  return {
    slot: step.slot,
    other: step.modeOf?.root,
    numbers: [attributeBits(step.attributes), all.length],
    texts: [[step.type, ...pairs], step.modeOf?.path ?? ""],
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
