/** Device rules as an eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE: what cgroup v2 has instead of files. Pure. */
import {
  BPF_DEVCG_ACC_MKNOD,
  BPF_DEVCG_ACC_READ,
  BPF_DEVCG_ACC_WRITE,
  BPF_DEVCG_DEV_BLOCK,
  BPF_DEVCG_DEV_CHAR,
  bpf_cgroup_dev_ctx,
} from "../../../ffi/kernel.ts";
import type { DeviceRule } from "./device-rule.ts";

/** One instruction, `struct bpf_insn` of linux/bpf.h. A jump's target is the rule that it goes on with. */
interface Instruction {
  readonly code: number;
  readonly destination?: number;
  readonly source?: number;
  readonly offset?: number;
  readonly value?: number;
}

// Opcodes of linux/bpf_common.h and linux/bpf.h, put together from class, size or operation, and source.
const LOAD_WORD = 0x61; // BPF_LDX | BPF_MEM | BPF_W
const MOVE = 0xbf; // BPF_ALU64 | BPF_MOV | BPF_X
const MOVE_VALUE = 0xb7; // BPF_ALU64 | BPF_MOV | BPF_K
const AND_VALUE = 0x54; // BPF_ALU | BPF_AND | BPF_K: 32 bits
const SHIFT_RIGHT = 0x74; // BPF_ALU | BPF_RSH | BPF_K: 32 bits
const UNLESS_EQUAL = 0x56; // BPF_JMP32 | BPF_JNE | BPF_K
const IF_ANY_BIT = 0x46; // BPF_JMP32 | BPF_JSET | BPF_K
const EXIT = 0x95; // BPF_JMP | BPF_EXIT

// r0 is the answer, r1 the context; the others are ours.
const RESULT = 0;
const CONTEXT = 1;
const TYPE = 2;
const LEFT = 3;
const MAJOR = 4;
const MINOR = 5;

const accessBits: Readonly<Record<string, number>> = {
  m: BPF_DEVCG_ACC_MKNOD,
  r: BPF_DEVCG_ACC_READ,
  w: BPF_DEVCG_ACC_WRITE,
};
const everyAccess = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;

/**
 * The program. For each kind of access the last rule that is about it decides: rules are asked from the last to the
 * first; one that allows takes its kinds off what is left to decide, one that denies ends with no. What no rule is about is denied.
 */
export function deviceProgram(rules: readonly DeviceRule[]): Uint8Array {
  const instructions = [...prologue(), ...[...rules].reverse().flatMap(askRule), ...answer(0)];
  const bytes = new Uint8Array(instructions.length * 8);
  const view = new DataView(bytes.buffer);
  instructions.forEach(({ code, destination = 0, source = 0, offset = 0, value = 0 }, index) => {
    view.setUint8(index * 8, code);
    view.setUint8(index * 8 + 1, destination | (source << 4));
    view.setInt16(index * 8 + 2, offset, true);
    view.setUint32(index * 8 + 4, value, true);
  });
  return bytes;
}

function prologue(): Instruction[] {
  const { offsets } = bpf_cgroup_dev_ctx;
  const load = (destination: number, offset: number) => ({
    code: LOAD_WORD,
    destination,
    source: CONTEXT,
    offset,
  });
  return [
    load(TYPE, offsets.access_type),
    load(MAJOR, offsets.major),
    load(MINOR, offsets.minor),
    // access_type: the access in the upper half, the type in the lower.
    { code: MOVE, destination: LEFT, source: TYPE },
    { code: SHIFT_RIGHT, destination: LEFT, value: 16 },
    { code: AND_VALUE, destination: TYPE, value: 0xffff },
  ];
}

/** Asks one rule; falls through to the next when it decides nothing. */
function askRule({ allow, type, major, minor, access }: DeviceRule): Instruction[] {
  const bits = [...access].reduce((all, letter) => all | (accessBits[letter] ?? 0), 0);
  const wantedType = type === "c" ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK;
  const decide: Instruction[] = allow
    ? [
        { code: AND_VALUE, destination: LEFT, value: everyAccess & ~bits },
        { code: UNLESS_EQUAL, destination: LEFT, value: 0, offset: 2 },
        ...answer(1),
      ]
    : [{ code: IF_ANY_BIT, destination: LEFT, value: bits, offset: 1 }, skip(2), ...answer(0)];
  const conditions: [register: number, value: number][] = [[TYPE, wantedType]];
  if (major !== undefined) conditions.push([MAJOR, major]);
  if (minor !== undefined) conditions.push([MINOR, minor]);
  return [
    ...conditions.map(([destination, value], index) => {
      // To the instruction behind this rule.
      const offset = conditions.length - index - 1 + decide.length;
      return { code: UNLESS_EQUAL, destination, value, offset };
    }),
    ...decide,
  ];
}

function skip(offset: number): Instruction {
  return { code: 0x05 /* BPF_JMP | BPF_JA */, offset };
}

function answer(value: 0 | 1): Instruction[] {
  return [{ code: MOVE_VALUE, destination: RESULT, value }, { code: EXIT }];
}
