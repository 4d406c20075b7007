/** Classic BPF for seccomp: instructions, tests of arguments, and a binary search over system call numbers. */
import {
  AUDIT_ARCH_AARCH64,
  AUDIT_ARCH_ARM,
  AUDIT_ARCH_I386,
  AUDIT_ARCH_X86_64,
  BPF_ABS,
  BPF_ALU,
  BPF_AND,
  BPF_JA,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JMP,
  BPF_K,
  BPF_LD,
  BPF_RET,
  BPF_W,
  sock_filter,
} from "../../ffi/kernel.ts";
import type { Architecture } from "./syscalls.ts";

/** One instruction; jumps count the instructions to skip. */
export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}
export type Program = readonly Instruction[];

/** One test of one argument of a system call. */
export interface Condition {
  readonly index: number;
  readonly operator: "NE" | "LT" | "LE" | "EQ" | "GE" | "GT" | "MASKED_EQ";
  /** Compared with the argument; the mask for MASKED_EQ. */
  readonly value: bigint;
  /** What the masked argument must equal. */
  readonly valueTwo: bigint;
}

/** Numbers from `start` up to the next range run `program`. Equal programs have equal keys. */
export interface Range {
  readonly start: number;
  readonly key: string;
  readonly program: Program;
}

/** The kernel's name of an ABI; x32 shares x86_64's and is told by a bit of the number. */
export const auditArchitecture: Readonly<Record<Architecture, number>> = {
  x86_64: AUDIT_ARCH_X86_64,
  x32: AUDIT_ARCH_X86_64,
  i386: AUDIT_ARCH_I386,
  aarch64: AUDIT_ARCH_AARCH64,
  arm: AUDIT_ARCH_ARM,
};

// Offsets in struct seccomp_data (linux/seccomp.h), little-endian.
const numberOffset = 0;
const architectureOffset = 4;
const argumentOffset = (index: number) => 16 + 8 * index;

const load = (offset: number): Instruction => ({ code: BPF_LD | BPF_W | BPF_ABS, jt: 0, jf: 0, k: offset });
const and = (mask: number): Instruction => ({ code: BPF_ALU | BPF_AND | BPF_K, jt: 0, jf: 0, k: mask });
const jump = (distance: number): Instruction => ({ code: BPF_JMP | BPF_JA, jt: 0, jf: 0, k: distance });

/** Ends the filter with an action. */
export const giveBack = (action: number): Instruction => ({ code: BPF_RET | BPF_K, jt: 0, jf: 0, k: action });

/** The array of struct sock_filter that the kernel takes. */
export function encode(program: Program): Uint8Array {
  const bytes = new Uint8Array(program.length * sock_filter.size);
  const view = new DataView(bytes.buffer);
  program.forEach(({ code, jt, jf, k }, index) => {
    const at = index * sock_filter.size;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, jt);
    view.setUint8(at + 3, jf);
    view.setUint32(at + 4, k, true);
  });
  return bytes;
}

/** Where a test goes on: the next instruction, the end of its condition, or the end of its rule. */
type Way = "next" | "pass" | "fail";
interface Test {
  readonly code: number;
  readonly k: number;
  /** Absent for instructions that do not jump. */
  readonly yes?: Way;
  readonly no?: Way;
}

const test = (operator: number, k: number, yes: Way, no: Way): Test => ({
  code: BPF_JMP | operator | BPF_K,
  k,
  yes,
  no,
});

/** `action` when all conditions hold; else what follows. Without conditions always. */
export function whenAll(conditions: readonly Condition[], wide: boolean, action: number): Program {
  const parts = conditions.map((condition) => testsOf(condition, wide));
  const program: Instruction[] = [];
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  for (const part of parts) {
    const end = program.length + part.length;
    for (const { code, k, yes, no } of part) {
      const after = program.length + 1;
      // Failing skips the action too.
      const distance = { next: 0, pass: end - after, fail: total + 1 - after };
      program.push({ code, k, jt: yes ? distance[yes] : 0, jf: no ? distance[no] : 0 });
    }
  }
  return [...program, giveBack(action)];
}

/** An argument is two words, the upper one unknown to a 32-bit ABI (`wide` false). */
function testsOf({ index, operator, value, valueTwo }: Condition, wide: boolean): Test[] {
  const [low, high] = [load(argumentOffset(index)), load(argumentOffset(index) + 4)];
  const [valueLow, valueHigh] = [lower(value), upper(value)];
  // What to do with the upper words decides, unless they are equal; then the lower ones do.
  const decide = (ifHigher: Way, ifLower: Way, last: Test): Test[] =>
    wide
      ? [
          high,
          test(BPF_JGT, valueHigh, ifHigher, "next"),
          test(BPF_JEQ, valueHigh, "next", ifLower),
          low,
          last,
        ]
      : [low, last];
  switch (operator) {
    case "EQ":
      return maskedTests(index, wide, [lower(~0n), lower(~0n)], [valueLow, valueHigh]);
    case "MASKED_EQ":
      return maskedTests(
        index,
        wide,
        [valueLow, valueHigh],
        [lower(value & valueTwo), upper(value & valueTwo)],
      );
    case "NE":
      return wide
        ? [high, test(BPF_JEQ, valueHigh, "next", "pass"), low, test(BPF_JEQ, valueLow, "fail", "pass")]
        : [low, test(BPF_JEQ, valueLow, "fail", "pass")];
    case "GT":
      return decide("pass", "fail", test(BPF_JGT, valueLow, "pass", "fail"));
    case "GE":
      return decide("pass", "fail", test(BPF_JGE, valueLow, "pass", "fail"));
    case "LE":
      return decide("fail", "pass", test(BPF_JGT, valueLow, "fail", "pass"));
    case "LT":
      return decide("fail", "pass", test(BPF_JGE, valueLow, "fail", "pass"));
  }
}

/** Tests `(argument & mask) == value`, a word at a time: lower, then upper. Words without a mask are not looked at. */
function maskedTests(
  index: number,
  wide: boolean,
  masks: readonly [low: number, high: number],
  values: readonly [low: number, high: number],
): Test[] {
  const words = wide ? ([1, 0] as const) : ([0] as const);
  const looked = words.filter((word) => masks[word] !== 0);
  return looked.flatMap((word, position) => [
    load(argumentOffset(index) + 4 * word),
    ...(masks[word] === 0xffff_ffff ? [] : [and(masks[word])]),
    test(BPF_JEQ, values[word], position === looked.length - 1 ? "pass" : "next", "fail"),
  ]);
}

const lower = (value: bigint): number => Number(BigInt.asUintN(32, value));
const upper = (value: bigint): number => Number(BigInt.asUintN(32, value >> 32n));

/** Sends each architecture to its own search; `otherwise` is the action for the rest. */
export function dispatch(
  blocks: readonly { architecture: number; ranges: readonly Range[] }[],
  otherwise: number,
): Program {
  const program: Instruction[] = [load(architectureOffset)];
  for (const { architecture, ranges } of blocks) {
    const block: Instruction[] = [load(numberOffset)];
    const merged = mergeEqual(ranges);
    search(merged, 0, merged.length, block);
    // The block is longer than a conditional jump reaches.
    program.push(skipIf(architecture), jump(block.length));
    for (const instruction of block) program.push(instruction);
  }
  program.push(giveBack(otherwise));
  return program;
}

/** Skips the next instruction when the loaded word is `value`. */
const skipIf = (value: number): Instruction => ({ code: BPF_JMP | BPF_JEQ | BPF_K, jt: 1, jf: 0, k: value });

function mergeEqual(ranges: readonly Range[]): Range[] {
  return ranges.filter((range, index) => range.key !== ranges[index - 1]?.key);
}

/** Appends a tree of comparisons over ranges `from` to `to`: each is reached in log2 of their count. */
function search(ranges: readonly Range[], from: number, to: number, program: Instruction[]): void {
  const middle = (from + to) >> 1;
  const pivot = ranges[middle];
  if (pivot === undefined || middle === from) {
    for (const instruction of ranges[from]?.program ?? []) program.push(instruction);
    return;
  }
  const compare = { code: BPF_JMP | BPF_JGE | BPF_K, k: pivot.start };
  const at = program.push({ ...compare, jt: 0, jf: 1 }) - 1;
  search(ranges, from, middle, program);
  const distance = program.length - at - 1;
  if (distance <= 255) program[at] = { ...compare, jt: distance, jf: 0 };
  else program.splice(at + 1, 0, jump(distance));
  search(ranges, middle, to, program);
}
