/** How the kernel treats a container's processes: scheduling, CPUs, I/O and memory, execution domain. */
import {
  IOPRIO_CLASS_BE,
  IOPRIO_CLASS_IDLE,
  IOPRIO_CLASS_RT,
  MPOL_BIND,
  MPOL_DEFAULT,
  MPOL_F_NUMA_BALANCING,
  MPOL_F_RELATIVE_NODES,
  MPOL_F_STATIC_NODES,
  MPOL_INTERLEAVE,
  MPOL_LOCAL,
  MPOL_PREFERRED,
  MPOL_PREFERRED_MANY,
  MPOL_WEIGHTED_INTERLEAVE,
  PER_LINUX,
  PER_LINUX32,
  SCHED_BATCH,
  SCHED_DEADLINE,
  SCHED_FIFO,
  SCHED_FLAG_DL_OVERRUN,
  SCHED_FLAG_KEEP_PARAMS,
  SCHED_FLAG_KEEP_POLICY,
  SCHED_FLAG_RECLAIM,
  SCHED_FLAG_RESET_ON_FORK,
  SCHED_FLAG_UTIL_CLAMP_MAX,
  SCHED_FLAG_UTIL_CLAMP_MIN,
  SCHED_IDLE,
  SCHED_NORMAL,
  SCHED_RR,
} from "../../ffi/kernel.ts";
import type { Step } from "../../ffi/plan.ts";
import { CurruntError } from "../base/error.ts";
import type { Linux, MemoryPolicy, Process, Scheduler } from "./spec.ts";

export const policies: Readonly<Record<string, number>> = {
  SCHED_OTHER: SCHED_NORMAL,
  SCHED_BATCH,
  SCHED_IDLE,
  SCHED_FIFO,
  SCHED_RR,
  SCHED_DEADLINE,
};
const policyFlags: Readonly<Record<string, number>> = {
  SCHED_FLAG_RESET_ON_FORK,
  SCHED_FLAG_RECLAIM,
  SCHED_FLAG_DL_OVERRUN,
  SCHED_FLAG_KEEP_POLICY,
  SCHED_FLAG_KEEP_PARAMS,
  SCHED_FLAG_UTIL_CLAMP_MIN,
  SCHED_FLAG_UTIL_CLAMP_MAX,
};
const ioClasses: Readonly<Record<string, number>> = {
  IOPRIO_CLASS_RT,
  IOPRIO_CLASS_BE,
  IOPRIO_CLASS_IDLE,
};
/** Modes of `linux.memoryPolicy`. */
export const memoryModes: Readonly<Record<string, number>> = {
  MPOL_DEFAULT,
  MPOL_BIND,
  MPOL_INTERLEAVE,
  MPOL_WEIGHTED_INTERLEAVE,
  MPOL_PREFERRED,
  MPOL_PREFERRED_MANY,
  MPOL_LOCAL,
};
/** Flags of `linux.memoryPolicy`. */
export const memoryFlags: Readonly<Record<string, number>> = {
  MPOL_F_NUMA_BALANCING,
  MPOL_F_RELATIVE_NODES,
  MPOL_F_STATIC_NODES,
};
const personas: Readonly<Record<string, number>> = { LINUX: PER_LINUX, LINUX32: PER_LINUX32 };

/**
 * The steps for one process, to be taken while it has its powers, in its cgroup. `affinity`: the CPUs of a process that joins,
 * as a list; others may use all, whatever the runtime itself may.
 */
export function scheduleSteps(process: Process, linux: Linux | undefined, affinity = ""): Step[] {
  const { scheduler, ioPriority } = process;
  const { personality, memoryPolicy } = linux ?? {};
  const steps: Step[] = [affinityStep(affinity)];
  if (scheduler !== undefined) steps.push(schedulerStep(scheduler));
  if (ioPriority !== undefined) {
    const level = numberOf(ioClasses, ioPriority.class, "process.ioPriority.class");
    steps.push({ op: "ioPriority", level, priority: ioPriority.priority });
  }
  if (personality !== undefined) {
    const persona = numberOf(personas, personality.domain, "linux.personality.domain");
    steps.push({ op: "personality", persona });
  }
  if (memoryPolicy !== undefined) steps.push(memoryStep(memoryPolicy));
  return steps;
}

/** Restricts the process to the CPUs of a list, "0-3,7"; all for an empty one. */
export function affinityStep(list: string): Step {
  return list === "" ? { op: "affinity" } : { op: "affinity", cpus: maskOfList(list) };
}

/** Bit n for each number n of a list such as "0-3,7", in whole 64-bit words. Refuses numbers of 65536 and more. */
export function maskOfList(list: string): Uint8Array {
  const ranges = list.split(",").map((part) => {
    const [first = 0, last = first] = part.split("-").map(Number);
    return { first, last };
  });
  const highest = Math.max(...ranges.map(({ last }) => last));
  const wrong = ranges.find(({ first, last }) => !(first <= last));
  if (wrong !== undefined || !(highest < 65536)) {
    throw new CurruntError("invalid", `read the list ${JSON.stringify(list)}: not such as "0-3,7"`);
  }
  const mask = new Uint8Array(8 * (Math.floor(highest / 64) + 1));
  for (const { first, last } of ranges) {
    for (let bit = first; bit <= last; bit++) mask[bit >> 3] = (mask[bit >> 3] ?? 0) | (1 << (bit & 7));
  }
  return mask;
}

function schedulerStep(scheduler: Scheduler): Step {
  const { policy, flags = [], nice = 0, priority = 0, runtime = 0, deadline = 0, period = 0 } = scheduler;
  return {
    op: "scheduler",
    policy: numberOf(policies, policy, "process.scheduler.policy"),
    flags: BigInt(bitsOf(policyFlags, flags, "process.scheduler.flags")),
    nice,
    priority,
    runtime: BigInt(runtime),
    deadline: BigInt(deadline),
    period: BigInt(period),
  };
}

function memoryStep({ mode, nodes = "", flags = [] }: MemoryPolicy): Step {
  const number = numberOf(memoryModes, mode, "linux.memoryPolicy.mode");
  return {
    op: "memoryPolicy",
    mode: number | bitsOf(memoryFlags, flags, "linux.memoryPolicy.flags"),
    nodes: nodes === "" ? new Uint8Array(0) : maskOfList(nodes),
  };
}

function bitsOf(known: Readonly<Record<string, number>>, names: readonly string[], path: string): number {
  return names.reduce((bits, name) => bits | numberOf(known, name, path), 0);
}

function numberOf(known: Readonly<Record<string, number>>, name: string, path: string): number {
  const number = known[name];
  if (number !== undefined) return number;
  const names = Object.keys(known).join(", ");
  throw new CurruntError("invalid", `${path}: ${JSON.stringify(name)} is none of ${names}`);
}
