/** What few specs ask for: the code for it is loaded when one does. */
import { posix } from "node:path";
import type { Step } from "../../ffi/plan.ts";
import { failedWith } from "../sys/error.ts";
import { raiseHardLimit, runsInUserNamespace } from "../sys/process.ts";
import type { PlanOptions } from "../sys/shim.ts";
import type { CreationHooks } from "./furnish.ts";
import type { LabelWrite } from "./label.ts";
import { namespacesOf } from "./namespace.ts";
import type { SeccompFilter } from "./process.ts";
import { limitStep } from "./process.ts";
import type { ListenedProcess } from "./seccomp-notify.ts";
import type { Process, Spec } from "./spec.ts";
import type { Confinement } from "./stand-in.ts";
import type { StatePaths } from "./state-root.ts";

/** The writes of `label.ts`, which few specs need. */
export async function labelsOf({ process }: Spec): Promise<readonly LabelWrite[]> {
  const labels = [process?.apparmorProfile, process?.selinuxLabel];
  if (process === undefined || labels.every((label = "") => label === "")) return [];
  const { labelWrites } = await import("./label.ts");
  return labelWrites(process);
}

/** The label of the container's mounts. A host without SELinux has none, and no file there is told by one. */
export async function mountLabelOf({ linux: { mountLabel = "" } = {} }: Spec): Promise<string | undefined> {
  if (mountLabel === "") return undefined;
  const { hasSELinux } = await import("./label.ts");
  return hasSELinux() ? mountLabel : undefined;
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
  for (const { resource, hard } of (process?.rlimits ?? []).map(limitStep)) {
    try {
      raiseHardLimit(pid, resource, hard);
    } catch (error) {
      if (!failedWith(error, "EPERM")) throw error;
      const { explainLimit } = await import("./explain.ts");
      throw explainLimit(error, resource);
    }
  }
}

/** What is different for a container in a user namespace, its own or the runtime's; undefined in the host's. */
export async function confinement(
  id: string,
  spec: Spec,
  sharesKeyring: boolean,
): Promise<Confinement | undefined> {
  const own = hasUserNamespace(spec);
  if (!own && !runsInUserNamespace()) return undefined;
  const { confinementOf } = await import("./stand-in.ts");
  return confinementOf({ id, spec, namespaces: namespacesOf(spec), own, sharesKeyring });
}

/** True when what the container mounts is mounted for the runtime too. */
export function sharesMounts({ linux }: Spec): boolean {
  return linux?.namespaces?.some(({ type }) => type === "mount") !== true;
}

/** Makes a place for the root of a container that shares the runtime's mounts; undefined for the others. */
export async function rootPlaceOf(spec: Spec, paths: StatePaths): Promise<string | undefined> {
  return sharesMounts(spec) ? (await import("./shared-mounts.ts")).makeRootPlace(paths) : undefined;
}

/** Unmounts what is in that place. */
export async function leaveRootPlace(spec: Spec, paths: StatePaths): Promise<void> {
  if (sharesMounts(spec)) (await import("./shared-mounts.ts")).removeRootPlace(paths);
}

/** Writes or checks the maps of the user namespace that init is in; there is nothing to do without one. */
export async function settleIdMaps(spec: Spec, init: () => Promise<number>): Promise<void> {
  if (!hasUserNamespace(spec)) return;
  const { settleMaps } = await import("./user-namespace.ts");
  await settleMaps(await init(), spec);
}

/** True when the container's processes lack the host's powers. */
export function hasUserNamespace({ linux }: Spec): boolean {
  return linux?.namespaces?.some(({ type }) => type === "user") === true;
}

/** The filter of a container's processes; undefined when they have none. */
export async function filterOf({
  spec: { process, linux },
  defaultSeccomp = false,
  filters,
}: {
  readonly spec: Spec;
  /** True: the default profile for the bounding set, whatever the spec says. */
  readonly defaultSeccomp?: boolean | undefined;
  /** A directory that keeps compiled profiles. */
  readonly filters?: string | undefined;
}): Promise<SeccompFilter | undefined> {
  if (!defaultSeccomp && linux?.seccomp === undefined) return undefined;
  const { defaultFilter, loadableFilter } = await import("./seccomp-ready.ts");
  return defaultSeccomp
    ? defaultFilter(process?.capabilities?.bounding ?? [])
    : loadableFilter(linux?.seccomp, filters);
}

/** What a container's hooks need to know of it, beside the spec. */
export interface HookContext {
  readonly id: string;
  readonly spec: Spec;
  /** Absolute. */
  readonly bundle: string;
}

const hookedBy = ({ id, spec: { ociVersion, annotations }, bundle }: HookContext) => {
  return { id, ociVersion, bundle, annotations };
};

/** Hooks of the container's creation; undefined when there are none. */
export async function creationHooks(context: HookContext): Promise<CreationHooks | undefined> {
  const { prestart = [], createRuntime = [], createContainer = [] } = context.spec.hooks ?? {};
  const runtime = prestart.length + createRuntime.length > 0;
  if (!runtime && createContainer.length === 0) return undefined;
  const { hookSteps } = await import("./hook.ts");
  // As with runc: in the root that is being made.
  const directory = posix.resolve(context.bundle, context.spec.root?.path ?? "");
  const options = { hooks: { createContainer }, container: hookedBy(context), directory };
  return { runtime, createContainer: hookSteps("createContainer", options) };
}

/** Runs those of the creation that run in the runtime's namespaces; `pid` is the container's init. */
export async function runCreationHooks(context: HookContext, pid: number): Promise<void> {
  const { runHooks } = await import("./hook.ts");
  await runHooks("prestart", context.spec.hooks, hookedBy(context), pid);
  await runHooks("createRuntime", context.spec.hooks, hookedBy(context), pid);
}

/** The hooks that run before the program; undefined when there are none. */
export async function startHooks(context: HookContext): Promise<readonly Step[] | undefined> {
  const { hooks, process } = context.spec;
  if ((hooks?.startContainer ?? []).length === 0) return undefined;
  const { hookSteps } = await import("./hook.ts");
  return hookSteps("startContainer", {
    hooks,
    container: hookedBy(context),
    processEnv: process?.env,
    directory: process?.cwd ?? "/",
  });
}

/** Runs the hooks behind the program's start; throws at the first that fails. */
export async function runPoststartHooks(context: HookContext, pid: number): Promise<void> {
  if ((context.spec.hooks?.poststart ?? []).length === 0) return;
  const { runHooks } = await import("./hook.ts");
  await runHooks("poststart", context.spec.hooks, hookedBy(context), pid);
}

/** Runs the hooks behind the container's end. Returns what went wrong, for a warning each: it stops nothing. */
export async function runPoststopHooks(context: HookContext): Promise<string[]> {
  if ((context.spec.hooks?.poststop ?? []).length === 0) return [];
  const { runPoststopHooks } = await import("./hook.ts");
  return runPoststopHooks(context.spec.hooks, hookedBy(context));
}

/** Who takes the listener of the container's seccomp filter; `stateOf` tells of the container, given the process's pid. */
export function listenerOf(
  { linux }: Spec,
  stateOf: (pid: number) => ListenedProcess["container"],
): PlanOptions["onListener"] {
  const seccomp = linux?.seccomp;
  if (seccomp === undefined) return undefined;
  return async (listener, pid) => {
    const { sendListener } = await import("./seccomp-notify.ts");
    sendListener(listener, { pid, seccomp, container: stateOf(pid) });
  };
}

/** Moves the interfaces of `linux.netDevices` into the container. */
export async function moveDevices({ linux }: Spec, init: () => Promise<number>): Promise<void> {
  const { netDevices = {} } = linux ?? {};
  if (Object.keys(netDevices).length === 0) return;
  const { moveNetDevices } = await import("./net-device.ts");
  moveNetDevices(netDevices, await init());
}

/** Puts init into its group of Intel RDT. */
export async function enterGroup(id: string, { linux }: Spec, init: () => Promise<number>): Promise<void> {
  if (linux?.intelRdt === undefined) return;
  const { enterRdt } = await import("./rdt.ts");
  enterRdt(id, linux.intelRdt, await init());
}

/** Removes the container's own group of Intel RDT. */
export async function leaveGroup(id: string, { linux }: Spec): Promise<void> {
  if (linux?.intelRdt === undefined) return;
  const { leaveRdt } = await import("./rdt.ts");
  leaveRdt(id, linux.intelRdt);
}
