/** The records of steps about mounts and what lies in them. */
import { S_IFBLK, S_IFCHR, S_IFIFO } from "./kernel.ts";
import type { FilesystemOption, Step } from "./plan.ts";
import { attributeBits, clearedBits, propagations } from "./plan.ts";
import type { StepRecord } from "./record-writer.ts";
import { stepFlags } from "./record-writer.ts";

const nodeTypes = { c: S_IFCHR, b: S_IFBLK, p: S_IFIFO } as const;

/** Steps that this file packs. */
export type MountStep = Extract<
  Step,
  {
    op:
      | (
          | "open"
          | "forget"
          | "write"
          | "tree"
          | "filesystem"
          | "attributes"
          | "attach"
          | "cover"
          | "pivot"
          | "chroot"
        )
      | ("remount" | "copyUp" | "idmap")
      | ("mask" | "readonly" | "directory" | "device" | "symlink");
  }
>;

/** The parts of a step's record. */
export function mountRecordOf(step: MountStep): StepRecord {
  switch (step.op) {
    case "open":
      return { slot: step.slot, texts: [step.path], flags: step.read ? stepFlags.READ : 0 };
    case "write":
      return { slot: step.slot, texts: [step.path, step.data] };
    case "tree":
      return {
        slot: step.slot,
        texts: [step.path],
        flags: (step.recursive ? stepFlags.RECURSIVE : 0) | (step.optional === true ? stepFlags.OPTIONAL : 0),
      };
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
    case "remount":
      return packRemount(step);
    case "copyUp":
      return { slot: step.slot, other: step.root, texts: [step.path] };
    case "idmap":
      return {
        slot: step.slot,
        ...("namespace" in step ? { other: step.namespace } : { texts: [step.uids, step.gids] }),
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
      return { slot: step.slot, other: step.place, texts: [step.path] };
    case "chroot":
      return { slot: step.slot, numbers: [step.gone.length], texts: [step.gone] };
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
        slot: step.host?.slot,
        other: step.root,
        texts: step.host === undefined ? [step.path] : [step.path, step.host.path],
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

/** A pair of texts an option: the key, and "=value" or "" for a flag. */
function pairsOf(options: readonly FilesystemOption[]): string[] {
  return options.flatMap(([key, value]) => [key, value === undefined ? "" : `=${value}`]);
}

function packRemount({ root, path, set, clear, options }: Step & { op: "remount" }): StepRecord {
  return {
    other: root,
    numbers: [attributeBits(set), clearedBits(set, clear), options.length],
    texts: [[path, ...pairsOf(options)]],
  };
}

/** The type's name, then the options. */
function packFilesystem(step: Step & { op: "filesystem" }): StepRecord {
  const all = step.source === undefined ? step.options : [["source", step.source] as const, ...step.options];
  return {
    slot: step.slot,
    other: step.modeOf?.root,
    numbers: [attributeBits(step.attributes), all.length, step.instead === undefined ? 0 : step.instead + 1],
    texts: [[step.type, ...pairsOf(all)], step.modeOf?.path ?? ""],
  };
}
