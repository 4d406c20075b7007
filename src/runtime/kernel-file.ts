/** What a spec sets through files of /proc: sysctls, the OOM score. */
import type { Slot, Step } from "../../ffi/plan.ts";
import type { Draft } from "./draft.ts";
import type { Namespaces } from "./namespace.ts";
import type { Process, Spec } from "./spec.ts";

/** Files of the host's procfs. */
export interface KernelFiles {
  /** The procfs, when it was needed. */
  readonly proc: Slot | undefined;
  /** To be done when init is root in its user namespace. */
  readonly later: readonly Step[];
}

/**
 * Writes what is set through /proc: the host's, as nothing of the container can be mounted over it yet. `needed`: there will
 * be more to write.
 */
export function writeKernelFiles(
  draft: Draft,
  spec: Spec,
  namespaces: Namespaces,
  needed: boolean,
): KernelFiles {
  const sysctls = Object.entries(spec.linux?.sysctl ?? {});
  // In a user namespace that has been written already.
  const score = namespaces.has("user") ? undefined : spec.process?.oomScoreAdj;
  if (score === undefined && sysctls.length === 0 && !needed) return { proc: undefined, later: [] };
  const proc = draft.open((slot) => ({ op: "open", slot, path: "/proc", read: false }));
  if (score !== undefined) draft.add(scoreStep(proc, score));
  const later: Step[] = [];
  for (const [key, data] of sysctls) {
    const path = `sys/${sysctlPath(key)}`;
    const step: Step = { op: "write", slot: proc, path, data };
    // Those of an IPC namespace belong to the root of the user namespace that owns it; the others to the host's.
    if (namespaces.has("user") && isOfIpc(path)) later.push(step);
    else draft.add(step);
  }
  return { proc, later };
}

const isOfIpc = (path: string) => /^sys\/(kernel\/(msg|sem|shm)|fs\/mqueue\/)/.test(path);

const scoreStep = (slot: Slot, score: number): Step => {
  return { op: "write", slot, path: "self/oom_score_adj", data: String(score) };
};

/**
 * What only the host's powers can do for a process in a user namespace: there it cannot even open its own files of /proc for
 * writing. For an ordinary user those files must be its own, which takes a process that may be looked into.
 */
export function prepareUserNamespace(draft: Draft, { oomScoreAdj }: Process, ordinaryUser: boolean): void {
  if (ordinaryUser) draft.add({ op: "dumpable", on: true });
  if (oomScoreAdj === undefined) return;
  const proc = draft.open((slot) => ({ op: "open", slot, path: "/proc", read: false }));
  draft.add(scoreStep(proc, oomScoreAdj), { op: "forget", slot: proc });
}

/** "net.ipv4.ip_forward" as a path. A key whose first separator is a slash swaps the two (`man 5 sysctl.d`). */
function sysctlPath(key: string): string {
  const separator = /[./]/.exec(key)?.[0];
  const swapped = key.replace(/[./]/g, (found) => (found === "." ? "/" : "."));
  return separator === "/" ? key : swapped;
}
