/** Seccomp: a profile of config.json → the filter program that the kernel runs, and the flags to load it with. */
import {
  BPF_MAXINSNS,
  SECCOMP_FILTER_FLAG_LOG,
  SECCOMP_FILTER_FLAG_NEW_LISTENER,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
} from "../../ffi/kernel.ts";
import { CurruntError } from "../base/error.ts";
import type { Program, Range } from "./seccomp-program.ts";
import { auditArchitecture, dispatch, encode, giveBack, whenAll } from "./seccomp-program.ts";
import type { Entry, Rule } from "./seccomp-rule.ts";
import { actionOf, invalid, readEntry, rulesByNumber } from "./seccomp-rule.ts";
import type { LinuxSeccomp } from "./spec-seccomp.ts";
import type { Architecture } from "./syscalls.ts";
import { nativeArchitecture, x32Bit } from "./syscalls.ts";

const ENOSYS = 38;

const flags: Readonly<Record<string, number>> = {
  // One thread loads the filter before the program starts: there is no other to synchronize.
  SECCOMP_FILTER_FLAG_TSYNC: 0,
  SECCOMP_FILTER_FLAG_LOG,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
};

/** What runs on which machine, by the profile's names. The others of libseccomp are known, but cannot run on ours. */
const runsOn: Readonly<Record<string, { machine: Architecture; architecture: Architecture }>> = {
  SCMP_ARCH_X86_64: { machine: "x86_64", architecture: "x86_64" },
  SCMP_ARCH_X86: { machine: "x86_64", architecture: "i386" },
  SCMP_ARCH_X32: { machine: "x86_64", architecture: "x32" },
  SCMP_ARCH_AARCH64: { machine: "aarch64", architecture: "aarch64" },
  SCMP_ARCH_ARM: { machine: "aarch64", architecture: "arm" },
};
const foreignArchitecture =
  /^SCMP_ARCH_(MIPS(64(N32)?)?|MIPSEL(64(N32)?)?|PPC(64(LE)?)?|S390X?|PARISC(64)?|RISCV64|LOONGARCH64|M68K|SH(EB)?)$/;

/** The flags for seccomp(2): those of the profile; SPEC_ALLOW when it says nothing, as runc does. */
export function seccompFlags({ flags: names, syscalls = [] }: LinuxSeccomp): number {
  const listens = syscalls.some(({ action }) => action === "SCMP_ACT_NOTIFY");
  const always = listens ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
  if (names === undefined) return always | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
  return names.reduce((sum, name) => {
    const flag = flags[name];
    if (flag === undefined) throw invalid("flags", name, Object.keys(flags));
    // About the wait for a listener's answer: the kernel refuses it without one.
    return flag === SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV && !listens ? sum : sum | flag;
  }, always);
}

/**
 * Compiles `profile` into an array of struct sock_filter for programs of `machine` and of the other ABIs that it names.
 * Semantics are runc's with libseccomp: a rule without arguments wins over those with; system calls that the table does
 * not know are left out; those newer than all that the profile names fail with ENOSYS, so that a new C library falls
 * back to older ones; other architectures are killed.
 */
export function compileSeccomp(
  profile: LinuxSeccomp,
  machine: Architecture = nativeArchitecture,
): Uint8Array {
  const fallback = actionOf(profile.defaultAction, profile.defaultErrnoRet, "defaultAction");
  if (profile.defaultAction === "SCMP_ACT_NOTIFY") {
    throw new CurruntError(
      "invalid",
      'read linux.seccomp.defaultAction: "SCMP_ACT_NOTIFY" would wait for itself',
    );
  }
  const entries = (profile.syscalls ?? []).map((entry, index) => readEntry(entry, index, fallback));
  const named = architecturesOf(profile.architectures ?? [], machine);
  const blocks = named
    .filter((architecture) => architecture !== "x32")
    .map((architecture) => ({
      architecture: auditArchitecture[architecture],
      ranges:
        architecture === "x86_64"
          ? [...rangesOf(architecture, entries, fallback), ...x32Ranges(named, entries, fallback)]
          : rangesOf(architecture, entries, fallback),
    }));
  const program = dispatch(blocks, SECCOMP_RET_KILL_THREAD);
  if (program.length > BPF_MAXINSNS) {
    throw new CurruntError(
      "unsupported",
      `compile linux.seccomp: ${program.length} instructions, the kernel takes ${BPF_MAXINSNS}`,
      { hint: "give fewer rules with arguments, or fewer architectures" },
    );
  }
  return encode(program);
}

/** The machine's own first, and always. */
function architecturesOf(names: readonly string[], machine: Architecture): Architecture[] {
  const found = names.flatMap((name) => {
    const known = runsOn[name];
    if (known === undefined && !foreignArchitecture.test(name))
      throw invalid("architectures", name, Object.keys(runsOn));
    return known?.machine === machine ? [known.architecture] : [];
  });
  return [...new Set([machine, ...found])];
}

/** What to answer to numbers above the last named one. Actions that let the call happen leave that to the kernel. */
function beyond(fallback: number): number {
  const lets = [SECCOMP_RET_ALLOW, SECCOMP_RET_LOG, SECCOMP_RET_TRACE];
  return lets.includes((fallback & 0xffff_0000) >>> 0) ? fallback : SECCOMP_RET_ERRNO | ENOSYS;
}

/** What each number does, from `base` on, in the order of the numbers. */
function rangesOf(
  architecture: Architecture,
  entries: readonly Entry[],
  fallback: number,
  base = 0,
): Range[] {
  const wide = architecture === "x86_64" || architecture === "aarch64";
  const { rules, last } = rulesByNumber(architecture, entries, fallback);
  const numbers = [...rules.keys()].sort((a, b) => a - b);
  const ranges: Range[] = [];
  let next = 0;
  for (const number of numbers) {
    if (number > next) ranges.push({ start: base + next, ...simple(fallback) });
    ranges.push({ start: base + number, ...decision(rules.get(number) ?? [], wide, fallback) });
    next = number + 1;
  }
  if (next <= last || last < 0) ranges.push({ start: base + next, ...simple(fallback) });
  if (last >= 0) ranges.push({ start: base + last + 1, ...simple(beyond(fallback)) });
  return ranges;
}

/** x86_64 numbers with the bit of x32: rules of their own when the profile names x32, else no such calls. */
function x32Ranges(named: readonly Architecture[], entries: readonly Entry[], fallback: number): Range[] {
  if (named.includes("x32")) return rangesOf("x32", entries, fallback, x32Bit);
  const action = beyond(fallback) === fallback ? SECCOMP_RET_KILL_THREAD : beyond(fallback);
  // A tracer that wants a call skipped sets its number to -1: that is not x32.
  return [
    { start: x32Bit, ...simple(action) },
    { start: 0xffff_ffff, ...simple(beyond(fallback)) },
  ];
}

function simple(action: number): { key: string; program: Program } {
  return { key: `${action}`, program: [giveBack(action)] };
}

/** A rule without conditions decides; else each rule in turn, exact ones first, and the default when none holds. */
function decision(
  rules: readonly Rule[],
  wide: boolean,
  fallback: number,
): { key: string; program: Program } {
  const always = rules.find(({ conditions }) => conditions.length === 0);
  if (always !== undefined) return simple(always.action);
  const isExact = ({ conditions }: Rule) => conditions.every(({ operator }) => operator === "EQ");
  const ordered = [...rules.filter(isExact), ...rules.filter((rule) => !isExact(rule))];
  const program = ordered.flatMap(({ action, conditions }) => whenAll(conditions, wide, action));
  return { key: JSON.stringify(program), program: [...program, giveBack(fallback)] };
}
