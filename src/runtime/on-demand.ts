/** What few specs ask for: the code for it is loaded when one does. */
import type { Step } from "../../ffi/plan.ts";
import { raiseHardLimit } from "../sys/process.ts";
import type { LabelWrite } from "./label.ts";
import { limitStep } from "./process.ts";
import type { Process, Spec } from "./spec.ts";

/** The writes of `label.ts`, which few specs need. */
export async function labelsOf({ process, linux }: Spec): Promise<readonly LabelWrite[]> {
  const labels = [process?.apparmorProfile, process?.selinuxLabel, linux?.mountLabel];
  if (process === undefined || labels.every((label = "") => label === "")) return [];
  const { checkMountLabel, labelWrites } = await import("./label.ts");
  checkMountLabel(linux);
  return labelWrites(process);
}

/** The steps of `schedule.ts`, which few specs need; `affinity` as there. Undefined when the spec asks for nothing. */
export async function scheduleOf(
  { process, linux }: Spec,
  affinity?: string,
): Promise<readonly Step[] | undefined> {
  const fields = [process?.scheduler, process?.ioPriority, linux?.personality, linux?.memoryPolicy, affinity];
  if (process === undefined || fields.every((field) => field === undefined)) return undefined;
  const { scheduleSteps } = await import("./schedule.ts");
  return scheduleSteps(process, linux, affinity);
}

/** The CPUs of a process that joins, until it is in the container's cgroup. */
export async function firstAffinity({ execCPUAffinity: { initial = "" } = {} }: Process): Promise<Step[]> {
  if (initial === "") return [];
  const { affinityStep } = await import("./schedule.ts");
  return [affinityStep(initial)];
}

/** In a user namespace of its own a process cannot raise its hard limits: we do, and it lowers them to what is wanted. */
export async function raiseLimits({ process }: Pick<Spec, "process">, pid: number): Promise<void> {
  for (const { resource, hard } of (process?.rlimits ?? []).map(limitStep))
    raiseHardLimit(pid, resource, hard);
}

/** True when the container's processes lack the host's powers. */
export function hasUserNamespace({ linux }: Spec): boolean {
  return linux?.namespaces?.some(({ type }) => type === "user") === true;
}
