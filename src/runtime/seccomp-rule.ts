/** The rules of a seccomp profile: config.json's entries checked and read, then sorted by system call number. */
import {
  SECCOMP_RET_ACTION_FULL,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_PROCESS,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
  SECCOMP_RET_TRAP,
  SECCOMP_RET_USER_NOTIF,
} from "../../ffi/kernel.ts";
import { CurruntError } from "../base/error.ts";
import type { Condition } from "./seccomp-program.ts";
import type { LinuxSeccompAction, LinuxSeccompArg, LinuxSyscall } from "./spec-seccomp.ts";
import type { Architecture } from "./syscalls.ts";
import { syscallNumber } from "./syscalls.ts";

const EPERM = 1;

const actions: Readonly<Record<LinuxSeccompAction, number>> = {
  SCMP_ACT_KILL: SECCOMP_RET_KILL_THREAD,
  SCMP_ACT_KILL_THREAD: SECCOMP_RET_KILL_THREAD,
  SCMP_ACT_KILL_PROCESS: SECCOMP_RET_KILL_PROCESS,
  SCMP_ACT_TRAP: SECCOMP_RET_TRAP,
  SCMP_ACT_ERRNO: SECCOMP_RET_ERRNO,
  SCMP_ACT_TRACE: SECCOMP_RET_TRACE,
  SCMP_ACT_ALLOW: SECCOMP_RET_ALLOW,
  SCMP_ACT_LOG: SECCOMP_RET_LOG,
  SCMP_ACT_NOTIFY: SECCOMP_RET_USER_NOTIF,
};

/** What to do when all conditions hold. */
export interface Rule {
  readonly action: number;
  /** All must hold; none: always. */
  readonly conditions: readonly Condition[];
}

/** One or several rules for each of `names`. */
export interface Entry {
  readonly names: readonly string[];
  /** None when the action is the default's; the names are known to the profile all the same. */
  readonly rules: readonly Rule[];
}

/** Checks one of `syscalls`; `fallback` is the default's action. */
export function readEntry(entry: LinuxSyscall, index: number, fallback: number): Entry {
  const path = `syscalls[${index}]`;
  const action = actionOf(entry.action, entry.errnoRet, `${path}.action`);
  if (entry.action === "SCMP_ACT_NOTIFY" && entry.names.includes("write")) {
    throw new CurruntError(
      "invalid",
      `read linux.seccomp.${path}: "write" cannot be notified: the process needs it to hand over its listener`,
    );
  }
  const conditions = (entry.args ?? []).map((arg, position) =>
    readCondition(arg, `${path}.args[${position}]`),
  );
  const repeated = new Set(conditions.map(({ index: argument }) => argument)).size < conditions.length;
  const rules = repeated
    ? conditions.map((condition): Rule => ({ action, conditions: [condition] }))
    : [{ action, conditions }];
  return { names: entry.names, rules: action === fallback ? [] : rules };
}

function readCondition({ index, value, valueTwo = 0, op }: LinuxSeccompArg, path: string): Condition {
  const operators = {
    SCMP_CMP_NE: "NE",
    SCMP_CMP_LT: "LT",
    SCMP_CMP_LE: "LE",
    SCMP_CMP_EQ: "EQ",
    SCMP_CMP_GE: "GE",
    SCMP_CMP_GT: "GT",
    SCMP_CMP_MASKED_EQ: "MASKED_EQ",
  } as const;
  const operator = operators[op];
  if (operator === undefined) throw invalid(`${path}.op`, op, Object.keys(operators));
  if (!Number.isInteger(index) || index < 0 || index > 5) throw invalid(`${path}.index`, index, ["0 … 5"]);
  return { index, operator, value: toWord(value), valueTwo: toWord(valueTwo) };
}

/** 64 bits. JSON's numbers above 2^53 are rounded when they are read: the topmost value comes back as 2^64. */
function toWord(value: number | bigint): bigint {
  const whole = BigInt(value);
  return whole >= 1n << 64n ? (1n << 64n) - 1n : BigInt.asUintN(64, whole);
}

/** The filter's return value for an action, its errno included; `path` is the field's, for errors. */
export function actionOf(name: LinuxSeccompAction, errnoRet: number | undefined, path: string): number {
  const action = actions[name];
  if (action === undefined) throw invalid(path, name, Object.keys(actions));
  const takesErrno = name === "SCMP_ACT_ERRNO" || name === "SCMP_ACT_TRACE";
  if (errnoRet !== undefined && !takesErrno) {
    throw new CurruntError("invalid", `read linux.seccomp.${path}: ${JSON.stringify(name)} takes no errno`);
  }
  const errno = errnoRet ?? EPERM;
  if (!Number.isInteger(errno) || errno < 0 || errno > 0xffff) throw invalid(path, errno, ["an errno"]);
  return takesErrno ? (action | errno) >>> 0 : action;
}

/** What a profile says about one architecture's system calls. */
export interface NumberedRules {
  /** Rules by number, those for a multiplexer's inner calls among them. */
  readonly rules: ReadonlyMap<number, readonly Rule[]>;
  /** The highest number that the profile names, -1 for none; the kernel may have newer calls. */
  readonly last: number;
}

/** Sorts the rules by number; names that the architecture lacks are left out. */
export function rulesByNumber(
  architecture: Architecture,
  entries: readonly Entry[],
  fallback: number,
): NumberedRules {
  const rules = new Map<number, Rule[]>();
  let last = -1;
  const add = (name: string, added: readonly Rule[]) => {
    const number = syscallNumber(architecture, name);
    if (number === undefined) return;
    last = Math.max(last, number);
    if (added.length === 0) return;
    const known = rules.get(number);
    if (known === undefined) rules.set(number, [...added]);
    else known.push(...added);
  };
  for (const entry of entries) {
    for (const name of entry.names) {
      add(name, entry.rules);
      const inner = architecture === "i386" ? multiplexed.get(name) : undefined;
      if (inner !== undefined) add(inner.through, throughMultiplexer(entry.rules, inner, fallback));
    }
  }
  return { rules, last };
}

/**
 * i386 has these calls twice: by a number of their own, and by an argument of `socketcall` or `ipc`, whose own
 * arguments lie in memory, where a filter cannot see them (`linux/net.h`, `linux/ipc.h`).
 */
const multiplexed = new Map<string, Multiplexed>([
  ..."socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg"
    .split(" ")
    .map((name, index): [string, Multiplexed] => [
      name,
      { through: "socketcall", mask: ~0n, number: BigInt(index + 1) },
    ]),
  ...Object.entries({
    semop: 1,
    semget: 2,
    semctl: 3,
    semtimedop: 4,
    msgsnd: 11,
    msgrcv: 12,
    msgget: 13,
    msgctl: 14,
    shmat: 21,
    shmdt: 22,
    shmget: 23,
    shmctl: 24,
  })
    // The upper half of the number is a version.
    .map(([name, number]): [string, Multiplexed] => [
      name,
      { through: "ipc", mask: 0xffffn, number: BigInt(number) },
    ]),
]);
interface Multiplexed {
  readonly through: string;
  readonly mask: bigint;
  readonly number: bigint;
}

/** A rule with conditions cannot be kept there: it holds always when it is stricter than the default, else never. */
function throughMultiplexer(rules: readonly Rule[], { mask, number }: Multiplexed, fallback: number): Rule[] {
  return rules
    .filter(({ conditions, action }) => conditions.length === 0 || isStricter(action, fallback))
    .map(({ action }) => ({
      action,
      conditions: [{ index: 0, operator: "MASKED_EQ", value: mask, valueTwo: number }],
    }));
}

/** The kernel's order of actions is that of their values as signed numbers (`linux/seccomp.h`). */
function isStricter(action: number, than: number): boolean {
  return (action & SECCOMP_RET_ACTION_FULL) < (than & SECCOMP_RET_ACTION_FULL);
}

/** The error of a value that is none of the known ones. */
export function invalid(path: string, value: unknown, known: readonly string[]): CurruntError {
  return new CurruntError(
    "invalid",
    `read linux.seccomp.${path}: ${JSON.stringify(value)} is none of ${known.join(", ")}`,
  );
}
