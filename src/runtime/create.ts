/** Starts a container: compiles its spec to a plan and has the shim carry it out. */
import type { Step } from "../../ffi/plan.ts";
import { CurruntError, wrap } from "../base/error.ts";
import type { Fd } from "../sys/fd.ts";
import { effectiveIds } from "../sys/process.ts";
import type { PartMaker, PlanOptions } from "../sys/shim.ts";
import type { Beginning } from "./begin.ts";
import { begin } from "./begin.ts";
import type { DelegatedSpawn, Init, Stdio } from "./carry-out.ts";
import { carryOut } from "./carry-out.ts";
import type { Cgroup, CgroupEntry } from "./cgroup/cgroup.ts";
import { taskFiles } from "./cgroup/cgroup.ts";
import { asSeenFrom, readHostCgroup } from "./cgroup-mount.ts";
import type { Furnishing, FurnishOptions, RootOptions } from "./furnish.ts";
import { furnish, placeRoot } from "./furnish.ts";
import {
  confinement,
  creationHooks,
  enterGroup,
  filterOf,
  hasUserNamespace,
  labelsOf,
  leaveGroup,
  listenerOf,
  mountLabelOf,
  moveDevices,
  raiseLimits,
  runCreationHooks,
  scheduleOf,
  settleIdMaps,
  startHooks,
} from "./on-demand.ts";
import type { CompileOptions } from "./plan.ts";
import { finish } from "./plan.ts";
import type { Spec } from "./spec.ts";

export interface CreateOptions {
  readonly id: string;
  readonly spec: Spec;
  /** Directory that relative paths of the spec start from; absolute. */
  readonly bundle: string;
  /** A detached mount that becomes the root; without it `spec.root.path` is bound. The caller closes it. */
  readonly rootfs?: Fd | undefined;
  /** With `spec.process.terminal` the container's pty takes their place, and its master comes back. */
  readonly stdio: Stdio;
  /** True: the program's line ends come out of the master as it writes them. */
  readonly plainTerminal?: boolean | undefined;
  /** True: the default seccomp profile for the process's bounding set, whatever the spec says. */
  readonly defaultSeccomp?: boolean | undefined;
  /** A directory that keeps compiled seccomp profiles. */
  readonly filters?: string | undefined;
  /** Signal that init gets when the calling process dies (`man 2 PR_SET_PDEATHSIG`). */
  readonly deathSignal?: number | undefined;
  /** Stops before the program, which runs once a byte comes through the fifo. The caller keeps both. */
  readonly hold?: { readonly fifo: Fd; readonly failure: Fd } | undefined;
  /** The program's descriptors 3, 4 … The caller keeps its own. */
  readonly preserved?: readonly Fd[] | undefined;
  /** The container's, made and limited already: init is born in it, or joins it before anything else. */
  readonly cgroup?: Cgroup | undefined;
  /** In the place of `cgroup`: one that is completed while the kernel clones init, which sees the host's files and has its rights then. */
  readonly lateCgroup?: LateCgroup | undefined;
  /** True: change to the root instead of pivoting, which a root on a ramfs does not allow. Less safe. */
  readonly noPivot?: boolean | undefined;
  /** True: no session keyring of its own. */
  readonly sharesKeyring?: boolean | undefined;
  /** Where the root is mounted in a container that shares the runtime's mounts; the caller unmounts it. */
  readonly rootPlace?: string | undefined;
  /** Called when init exists: it cannot become the program before this has resolved. */
  readonly onCloned?: ((pid: number) => void | Promise<void>) | undefined;
  /** Has another process start the shim: init becomes its child and not ours, and `deathSignal` is about its death. */
  readonly spawn?: ((options: DelegatedSpawn) => void) | undefined;
  /**
   * Completes what `spec` need only say of namespaces and terminal, while the kernel makes those. What it throws is
   * thrown as it is, when nothing is left of init.
   */
  readonly complete?: (() => Promise<Completion>) | undefined;
  /** What the caller has to do while init is on its way to the program; `init` resolves to its pid. */
  readonly meanwhile?: ((init: () => Promise<number>) => void | Promise<void>) | undefined;
}

export interface LateCgroup {
  /** What init is cloned into. The caller closes it. */
  readonly birthplace: Fd | undefined;
  /** Makes the rest, which init enters by itself. What this throws is thrown as it is. */
  readonly complete: () => Promise<Cgroup>;
}

/** The rest of what is wanted, in the place of what the options say. */
export interface Completion {
  readonly spec: Spec;
  /** A detached mount that becomes the root. The caller closes it, and no sooner than the program runs. */
  readonly rootfs: Fd;
  readonly defaultSeccomp: boolean;
}

/**
 * Clones, sets up and executes; resolves once the program itself runs. On failure nothing is left.
 * A program that is not found fails with exit code 127, one that cannot be executed with 126.
 */
export async function startContainer(options: CreateOptions): Promise<Init> {
  const {
    id,
    rootfs,
    deathSignal = 0,
    hold,
    preserved = [],
    onCloned,
    cgroup,
    lateCgroup,
    complete,
  } = options;
  let spec = options.spec;
  let completed = options;
  let incomplete: unknown;
  let furnishing: Furnishing | undefined;
  try {
    const entry = lateCgroup === undefined ? cgroup?.enter() : bornIn(lateCgroup);
    let beginning = begin({
      id,
      spec,
      bundle: options.bundle,
      rootfs: rootfs !== undefined,
      deathSignal,
      ordinaryUser: hasUserNamespace(spec) && effectiveIds().uid !== 0,
      rootPlace: options.rootPlace,
      cgroup: entry && { ...entry, directory: entry.directory !== undefined },
      sharesKeyring: options.sharesKeyring,
      hold: hold !== undefined,
      preserved: preserved.length,
    });
    const rest: PartMaker[] = [
      async (init) => {
        if (complete !== undefined) {
          const completion = await complete().catch((error) => {
            incomplete = error;
            throw error;
          });
          spec = completion.spec;
          completed = { ...options, ...completion };
          beginning = completeBeginning(beginning, spec);
        }
        await settleIdMaps(spec, init);
        furnishing = placeRoot(beginning, await rootOptions(completed));
        const steps = beginning.draft.take();
        const { passedRoot: slot } = beginning;
        if (complete === undefined || slot === undefined || completed.rootfs === undefined) return steps;
        return { steps, slot, fds: [completed.rootfs] };
      },
      async (init) => {
        if (furnishing === undefined) throw new CurruntError("internal", "the root's steps were not made");
        let entering: Step[] = [];
        if (lateCgroup !== undefined) {
          const made = await lateCgroup.complete().catch((error) => {
            incomplete = error;
            throw error;
          });
          completed = { ...completed, cgroup: made };
          entering = taskFiles(made.state).map((path) => ({ op: "cgroup", path, optional: false }));
        } else if (entry?.moved === true) await cgroup?.join(await init());
        if (cgroup?.unsettled === true) {
          await init();
          await cgroup.settle();
        }
        return furnish(furnishing, { ...(await furnishOptions(completed)), entering });
      },
      async (init) => {
        const seccomp = await filterOf(completed);
        const schedule = await scheduleOf(spec);
        if (hasUserNamespace(spec)) await raiseLimits(spec, await init());
        await enterGroup(id, spec, init);
        await moveDevices(spec, init);
        if (onCloned !== undefined) await onCloned(await init());
        const hooks = await startHooks(completed);
        return finish(beginning, { spec, deathSignal, seccomp, schedule, startHooks: hooks });
      },
    ];
    const onSync = (_point: string, pid: number) => runCreationHooks(completed, pid);
    const stateOf = (pid: number) => {
      const { ociVersion, annotations } = spec;
      return { ociVersion, id, pid, status: "creating" as const, bundle: options.bundle, annotations };
    };
    const onListener: PlanOptions["onListener"] = (listener, pid) =>
      listenerOf(spec, stateOf)?.(listener, pid);
    const caller = { onSync, onListener };
    return await carryOut(beginning.draft, rest, { ...options, cgroup: entry?.directory, ...caller });
  } catch (error) {
    await leaveGroup(id, spec);
    throw error === incomplete ? error : wrap(error, `start container "${shortened(id)}"`);
  }
}

/** The shim enters nothing. */
function bornIn({ birthplace }: LateCgroup): CgroupEntry {
  return { files: [], directory: birthplace, moved: true, optional: false };
}

/** The beginning of what is completed: the same steps, the whole process, a root that comes along with later steps. */
function completeBeginning(beginning: Beginning, { process = beginning.process }: Spec): Beginning {
  return { ...beginning, process, passedRoot: beginning.draft.slot() };
}

/** The usual 64 digits say no more to people than the first 12, which every command takes. */
function shortened(id: string): string {
  return /^[0-9a-f]{64}$/.test(id) ? id.slice(0, 12) : id;
}

/** What `compile` needs to know beside the options: facts of the host, the compiled seccomp profile. */
export async function compileOptions(options: Omit<CreateOptions, "stdio">): Promise<CompileOptions> {
  const { id, rootfs, deathSignal = 0 } = options;
  const schedule = await scheduleOf(options.spec);
  const facts = {
    seccomp: await filterOf(options),
    schedule,
    ...(await rootOptions(options)),
    ...(await furnishOptions(options)),
  };
  const hooks = { startHooks: await startHooks(options) };
  return { id, rootfs: rootfs !== undefined, deathSignal, ...facts, ...hooks };
}

type RootSource = Pick<CreateOptions, "id" | "spec" | "bundle" | "rootPlace" | "sharesKeyring">;

async function rootOptions(options: RootSource): Promise<RootOptions> {
  const { id, spec, bundle, rootPlace } = options;
  return {
    ...{ spec, bundle, rootPlace },
    labels: await labelsOf(spec),
    mountLabel: await mountLabelOf(spec),
    hooks: await creationHooks(options),
    confinement: await confinement(id, spec, options.sharesKeyring === true),
  };
}

async function furnishOptions(
  options: Pick<CreateOptions, "spec" | "cgroup" | "noPivot" | "rootPlace" | "plainTerminal">,
): Promise<FurnishOptions> {
  const { spec, cgroup, plainTerminal } = options;
  const needsCgroup = spec.mounts?.some(({ type }) => type === "cgroup") === true;
  const directories = cgroup?.state.directories ?? {};
  const hostCgroup = needsCgroup ? asSeenFrom(readHostCgroup(), directories) : undefined;
  return { hostCgroup, unpivoted: await unpivotedMounts(options), plainTerminal };
}

/** Undefined where the root can be pivoted to. Nothing may be taken away of mounts that are the runtime's too. */
async function unpivotedMounts({
  spec,
  noPivot,
  rootPlace,
}: Pick<CreateOptions, "spec" | "noPivot" | "rootPlace">): Promise<string[] | undefined> {
  if (rootPlace !== undefined) return [];
  return noPivot === true ? (await import("./unpivoted.ts")).reachableMounts(spec) : undefined;
}
