/** Rules for `process` that its shape cannot say. */
import { isCapability } from "./capability.ts";
import { refuse } from "./refuse.ts";
import type { Capabilities, Process, Scheduler } from "./spec.ts";

const limits = new Set(
  "AS CORE CPU DATA FSIZE LOCKS MEMLOCK MSGQUEUE NICE NOFILE NPROC RSS RTPRIO RTTIME SIGPENDING STACK"
    .split(" ")
    .map((name) => `RLIMIT_${name}`),
);

/** Refuses what the specification or the kernel forbids. `path`: where the process stands, "process". */
export function checkProcess({ rlimits = [], scheduler }: Process, path: string): void {
  const seen = new Set<string>();
  for (const [index, { type, soft, hard }] of rlimits.entries()) {
    const at = `${path}.rlimits[${index}]`;
    if (!limits.has(type))
      throw refuse(`${at}.type`, `${JSON.stringify(type)} is none of ${[...limits].join(", ")}`);
    if (seen.has(type)) throw refuse(`${at}.type`, `${JSON.stringify(type)} is there twice`);
    seen.add(type);
    // Negative numbers mean no limit, as do the largest unsigned ones.
    if (hard >= 0 && (soft < 0 || soft > hard))
      throw refuse(`${at}.soft`, `${soft} is above the hard limit, ${hard}`);
  }
  if (scheduler !== undefined) checkScheduler(scheduler, `${path}.scheduler`);
}

/** Which policies take a field (runtime-spec, config.md, "scheduler"; `man 2 sched_setattr`). */
const schedulerFields = {
  nice: ["SCHED_OTHER", "SCHED_BATCH"],
  priority: ["SCHED_FIFO", "SCHED_RR"],
  runtime: ["SCHED_DEADLINE"],
  deadline: ["SCHED_DEADLINE"],
  period: ["SCHED_DEADLINE"],
} as const;

function checkScheduler(scheduler: Scheduler, path: string): void {
  const { policy, priority } = scheduler;
  // Defined in the kernel's header, and nowhere else in the kernel.
  if (policy === "SCHED_ISO")
    throw refuse(`${path}.policy`, '"SCHED_ISO" is a policy that Linux does not have');
  for (const [field, policies] of Object.entries(schedulerFields)) {
    const value = scheduler[field as keyof typeof schedulerFields];
    if (value !== undefined && value !== 0 && !policies.some((one) => one === policy)) {
      throw refuse(`${path}.${field}`, `is for ${policies.join(" and ")}, not for ${policy}`);
    }
  }
  if ((policy === "SCHED_FIFO" || policy === "SCHED_RR") && (priority ?? 0) === 0) {
    throw refuse(`${path}.priority`, `${policy} needs one, from 1 to 99`);
  }
}

const capabilitySets = ["bounding", "effective", "inheritable", "permitted", "ambient"] as const;

/** Capabilities that this program does not have are no error, only not granted (runtime-spec, config.md). Returns warnings. */
export function unknownCapabilities(capabilities: Capabilities | undefined, path: string): string[] {
  const warnings: string[] = [];
  for (const set of capabilitySets) {
    const unknown = capabilities?.[set]?.filter((name) => !isCapability(name)) ?? [];
    if (unknown.length > 0) {
      warnings.push(`${path}.capabilities.${set}: unknown, not granted: ${unknown.join(", ")}`);
    }
  }
  return warnings;
}

/** The process without capabilities that are unknown. */
export function withKnownCapabilities(process: Process): Process {
  const { bounding, effective, inheritable, permitted, ambient } = process.capabilities ?? {};
  const keep = (names: readonly string[] = []) => names.filter(isCapability);
  const capabilities: Capabilities = {
    bounding: keep(bounding),
    effective: keep(effective),
    inheritable: keep(inheritable),
    permitted: keep(permitted),
    ambient: keep(ambient),
  };
  return { ...process, capabilities };
}
