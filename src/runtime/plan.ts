/** Compiles a spec into the plan that makes its container: the order of everything, on one page. */
import type { Step } from "../../ffi/plan.ts";
import { describe } from "../../ffi/plan-text.ts";
import type { Beginning, BeginOptions } from "./begin.ts";
import { begin } from "./begin.ts";
import type { Draft } from "./draft.ts";
import type { FurnishOptions, RootOptions } from "./furnish.ts";
import { furnish, placeRoot } from "./furnish.ts";
import { setNames } from "./hostname.ts";
import type { SeccompFilter } from "./process.ts";
import { keepsGroups, processSteps } from "./process.ts";
import type { Spec } from "./spec.ts";

export interface FinishOptions {
  readonly spec: Spec;
  readonly seccomp: SeccompFilter | undefined;
  /** How the kernel shall treat the process; absent: on all CPUs, else as usual. */
  readonly schedule?: readonly Step[] | undefined;
  /** Run right before the program. */
  readonly startHooks?: readonly Step[] | undefined;
  /** 0: none. */
  readonly deathSignal: number;
}

export type CompileOptions = BeginOptions & RootOptions & FurnishOptions & FinishOptions;

/** The plan for a container. Pure: the same options give the same plan, and nothing is touched. */
export function compile(options: CompileOptions): Draft {
  const beginning = begin(options);
  furnish(placeRoot(beginning, options), options);
  finish(beginning, options);
  return beginning.draft;
}

/** The last steps, which make init the program. Returns them. */
export function finish({ draft, process, namespaces, ending }: Beginning, options: FinishOptions): Step[] {
  const { spec, seccomp, schedule, startHooks, deathSignal } = options;
  setNames(draft, spec, namespaces);
  draft.add(...(schedule ?? [{ op: "affinity" }]));
  draft.add(
    ...processSteps(process, seccomp, deathSignal, {
      ...ending,
      hooks: startHooks,
      keepGroups: keepsGroups(spec),
    }),
  );
  return draft.take();
}

/** The plan in words, a line a step. */
export function describePlan(options: CompileOptions): string[] {
  return describe(compile(options).steps);
}
