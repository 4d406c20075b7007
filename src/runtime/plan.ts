/** Compiles a spec into the plan that makes its container: the order of everything, on one page. */
import { posix } from "node:path";
import type { Slot, Step } from "../../ffi/plan.ts";
import { describe } from "../../ffi/plan-text.ts";
import { CurruntError } from "../base/error.ts";
import type { CgroupTrees, HostCgroup } from "./cgroup-mount.ts";
import { openCgroups, placeCgroup } from "./cgroup-mount.ts";
import { deviceSteps } from "./device.ts";
import { Draft } from "./draft.ts";
import { setNames } from "./hostname.ts";
import { hasIdmaps, openIdmaps } from "./idmap.ts";
import { prepareUserNamespace, writeKernelFiles } from "./kernel-file.ts";
import type { LabelWrite } from "./label.ts";
import { makeMasks } from "./mask.ts";
import type { PreparedMount } from "./mount.ts";
import { makeReadonly, openSources, placeMount, propagationOptions } from "./mount.ts";
import type { CgroupPlaces, Namespaces } from "./namespace.ts";
import { cloneSteps, enterCgroups, hostIdOf, namespacesOf, requireMountNamespace } from "./namespace.ts";
import type { Ending, SeccompFilter } from "./process.ts";
import { keepsGroups, processSteps, terminalStep } from "./process.ts";
import type { Process, Spec } from "./spec.ts";
import type { Confinement } from "./stand-in.ts";

export interface BeginOptions {
  readonly id: string;
  readonly spec: Spec;
  /** Directory that relative paths of the spec start from; absolute. */
  readonly bundle: string;
  /** True: a detached mount is passed along as the root. False: `spec.root.path` is bound. */
  readonly rootfs: boolean;
  /** 0: none. */
  readonly deathSignal: number;
  /** True: the runtime is not run by root, who may write about every process. */
  readonly ordinaryUser?: boolean | undefined;
  /** Where the root is mounted in a container that shares the runtime's mounts; the caller unmounts it. */
  readonly rootPlace?: string | undefined;
  readonly cgroup?: CgroupPlaces | undefined;
  /** True: no session keyring of its own. */
  readonly sharesKeyring?: boolean | undefined;
  /** True: stop before the program; the fifo and the failure file are passed along. */
  readonly hold?: boolean | undefined;
  /** How many descriptors are passed along for the program: its 3, 4 … */
  readonly preserved?: number | undefined;
}

export interface FurnishOptions {
  readonly spec: Spec;
  /** Directory that relative paths of the spec start from; absolute. */
  readonly bundle: string;
  /** Needed for a mount of type cgroup. */
  readonly hostCgroup: HostCgroup | undefined;
  /** For a root that cannot be pivoted to: the mounts of the host's that must not stay reachable. */
  readonly unpivoted?: readonly string[] | undefined;
  /** Security labels: files of procfs and what goes into them. */
  readonly labels?: readonly LabelWrite[] | undefined;
  /** SELinux label of the filesystems that are mounted. */
  readonly mountLabel?: string | undefined;
  readonly hooks?: CreationHooks | undefined;
  /** As in `BeginOptions`. */
  readonly rootPlace?: string | undefined;
  /** True: what the program writes on its terminal goes to no terminal, and shall be what it wrote. */
  readonly plainTerminal?: boolean | undefined;
  /** In a user namespace. */
  readonly confinement?: Confinement | undefined;
}

/** What runs when all mounts are in place, before the container's root is everybody's. */
export interface CreationHooks {
  /** True: the caller has something to do in the runtime's namespaces, at the sync point "runtime-hooks". */
  readonly runtime: boolean;
  readonly createContainer: readonly Step[];
}

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

export type CompileOptions = BeginOptions & FurnishOptions & FinishOptions;

/** What has been settled by the first steps. */
export interface Beginning {
  readonly draft: Draft;
  readonly process: Process;
  readonly namespaces: Namespaces;
  readonly terminal: Slot | undefined;
  readonly passedRoot: Slot | undefined;
  readonly ending: Ending;
  /** Trees of idmapped mounts, by the mounts' indices. */
  readonly idmaps: ReadonlyMap<number, Slot> | undefined;
  /** To be done once someone else has moved init into its cgroup. */
  readonly whenMoved: readonly Step[];
}

/** The plan for a container. Pure: the same options give the same plan, and nothing is touched. */
export function compile(options: CompileOptions): Draft {
  const beginning = begin(options);
  furnish(beginning, options);
  finish(beginning, options);
  return beginning.draft;
}

/** The first steps, up to where init exists: they need little of the spec, and the kernel is busy with them for long. */
export function begin(options: BeginOptions): Beginning {
  const { id, spec, rootfs, deathSignal } = options;
  const process = spec.process ?? (options.hold === true ? idleProcess : undefined);
  if (process === undefined) throw new CurruntError("invalid", "process: a container needs a program to run");
  const draft = new Draft();
  const terminal = process.terminal === true ? draft.input("terminal") : undefined;
  const passedRoot = rootfs ? draft.input("rootfs") : undefined;
  const ending = passEnding(draft, options);
  const inside = enterCgroups(draft, options.cgroup);
  const namespaces = namespacesOf(spec);
  // The root of a user namespace may mount nothing in the host's.
  if (options.rootPlace === undefined || namespaces.has("user")) requireMountNamespace(namespaces);
  const idmaps = hasIdmaps(spec) ? openIdmaps(draft, spec, options.bundle) : undefined;
  if (namespaces.has("user")) {
    prepareUserNamespace(draft, process, options.ordinaryUser === true);
    const uid = namespaces.made.includes("user")
      ? hostIdOf(process.user.uid, spec.linux?.uidMappings)
      : undefined;
    if (uid !== undefined && terminal === undefined) draft.add({ op: "ownStdio", uid });
  }
  const later = cloneSteps(draft, namespaces, {
    deathSignal,
    cgroup: options.cgroup,
    inside,
    timeOffsets: spec.linux?.timeOffsets,
  });
  const moved = options.cgroup?.moved === true;
  if (!moved) draft.add(...later);
  draft.add({ op: "session" });
  // A keyring belongs to who makes it: the root of a user namespace makes its own.
  if (!namespaces.has("user") && options.sharesKeyring !== true) {
    draft.add({ op: "keyring", name: `_ses.${id}` });
  }
  if (namespaces.made.includes("network")) draft.add({ op: "loopback" });
  const whenMoved = moved ? later : [];
  return { draft, process, namespaces, terminal, passedRoot, ending, idmaps, whenMoved };
}

/** Of a container that is created without a process. */
const idleProcess: Process = { user: { uid: 0, gid: 0 }, args: [], cwd: "/" };

/** Slots for what is passed along for the end of the plan. */
export function passEnding(
  draft: Draft,
  { hold = false, preserved = 0 }: Pick<BeginOptions, "hold" | "preserved">,
): Ending {
  return {
    keep: hold ? { slot: draft.input("fifo"), failure: draft.input("failure") } : undefined,
    preserve: Array.from({ length: preserved }, () => draft.input("preserved")),
  };
}

/** The next steps, from the host's root to the container's, with all that lies in it. Returns them. */
export function furnish(beginning: Beginning, options: FurnishOptions): Step[] {
  const { draft, process, namespaces, terminal, passedRoot } = beginning;
  const { spec } = options;
  draft.add(...beginning.whenMoved);
  const labels = options.labels ?? [];
  const { proc, later } = writeKernelFiles(draft, spec, namespaces, labels.length > 0);

  if (namespaces.has("mount")) {
    const host = draft.open((slot) => ({ op: "open", slot, path: "/", read: false }));
    draft.add({ op: "attributes", slot: host, set: [], clear: [], propagation: "slave", recursive: true });
  }
  const root = passedRoot ?? bindRoot(draft, spec, options.bundle);
  const sources = openSources(draft, spec.mounts ?? [], {
    ...{ bundle: options.bundle, label: options.mountLabel, trees: beginning.idmaps },
    root: options.confinement === undefined ? root : undefined,
  });
  const mounts = options.confinement?.standIns(draft, sources) ?? sources;
  const shareCgroups = options.hostCgroup !== undefined && !namespaces.has("cgroup");
  const trees: CgroupTrees = shareCgroups
    ? openCgroups(draft, options.hostCgroup, namespaces.has("user"))
    : new Map();
  // For devices that may not be made: our own mounts cover them next.
  const devices = draft.open((slot) => ({ op: "open", slot, path: "/dev", read: false }));
  const place = openPlaceOfRoot(draft, spec, options);
  draft.add(...(options.confinement?.becomeRoot ?? []), ...later);
  const earlyMasks = options.hooks === undefined ? makeMasks(draft, spec, devices) : undefined;
  draft.add({ op: "cover", slot: root, ...place });
  if (passedRoot === undefined && !receivesMounts(spec)) {
    draft.add({ op: "attributes", slot: root, set: [], clear: [], propagation: "private", recursive: true });
  }

  const last = placeMounts(draft, root, mounts, { host: options.hostCgroup, trees });
  if (!mounts.some(({ destination, tree }) => destination === "/dev" && tree !== undefined)) {
    draft.add(...deviceSteps(root, devices, spec.linux?.devices ?? []));
  }
  const masks =
    options.hooks === undefined ? earlyMasks : runCreationHooks(draft, spec, devices, options.hooks);
  if (terminal !== undefined) {
    draft.add(
      terminalStep(process, { slot: terminal, root }, { console: true, plain: options.plainTerminal }),
    );
  }
  for (const path of new Set(spec.linux?.readonlyPaths)) draft.add({ op: "readonly", root, path });
  if (masks !== undefined) {
    for (const path of new Set(spec.linux?.maskedPaths)) draft.add({ op: "mask", root, path, source: masks });
  }
  draft.add({ op: "directory", root, path: posix.resolve("/", process.cwd), mode: 0o755 });
  draft.add({ op: "nullStdio", root }, ...last);
  if (spec.root?.readonly === true) draft.add(makeReadonly(root));
  draft.add(
    options.unpivoted === undefined
      ? { op: "pivot", slot: root }
      : { op: "chroot", slot: root, gone: options.unpivoted },
  );
  spreadRoot(draft, spec, root);
  // Last, as it holds for whatever is executed next: through the host's procfs, out of the image's reach (CVE-2019-16884).
  if (proc !== undefined) for (const label of labels) draft.add({ op: "write", slot: proc, ...label });
  return draft.take();
}

/**
 * Where the root goes until the pivot: hooks that enter the container's mount namespace look for it where the spec says that
 * it is. Opened now, as the way there may be closed to a user namespace's root.
 */
function openPlaceOfRoot(
  draft: Draft,
  { root }: Spec,
  { hooks, bundle, rootPlace }: FurnishOptions,
): { path: string; place?: Slot } {
  if (rootPlace === undefined && (hooks === undefined || root === undefined)) return { path: "/" };
  const path = rootPlace ?? posix.resolve(bundle, root?.path ?? "");
  return { path, place: draft.open((slot) => ({ op: "open", slot, path, read: false })) };
}

/** Hooks see the host's /dev, which the masks cover: those come behind them, and are returned. */
function runCreationHooks(draft: Draft, spec: Spec, devices: Slot, hooks: CreationHooks): Slot | undefined {
  if (hooks.runtime) draft.add({ op: "sync", point: "runtime-hooks" });
  draft.add(...hooks.createContainer);
  return makeMasks(draft, spec, devices);
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

function bindRoot(draft: Draft, spec: Spec, bundle: string): Slot {
  if (spec.root === undefined) throw new CurruntError("invalid", "root: a container needs a root filesystem");
  const path = posix.resolve(bundle, spec.root.path);
  return draft.open((slot) => ({ op: "tree", slot, path, recursive: true }));
}

function placeMounts(
  draft: Draft,
  root: Slot,
  mounts: readonly PreparedMount[],
  { host, trees }: { host: HostCgroup | undefined; trees: CgroupTrees },
): Step[] {
  return mounts.flatMap((prepared) => {
    if (prepared.mount.type !== "cgroup") return placeMount(draft, root, prepared);
    if (host === undefined) throw new CurruntError("internal", "compile: the host's cgroups are not given");
    return placeCgroup(draft, root, prepared, host, trees);
  });
}

/** True when what is mounted below the root on the host shall appear in the container. */
function receivesMounts({ linux }: Spec): boolean {
  return ["shared", "rshared", "slave", "rslave"].includes(linux?.rootfsPropagation ?? "");
}

/** Behind the pivot, which no shared mount may take part in (`man 2 pivot_root`). */
function spreadRoot(draft: Draft, spec: Spec, root: Slot): void {
  const name = spec.linux?.rootfsPropagation;
  const propagation = name === undefined || name === "" ? undefined : propagationOptions[name];
  if (name !== undefined && name !== "" && propagation === undefined) {
    throw new CurruntError("invalid", `linux.rootfsPropagation: there is no propagation "${name}"`);
  }
  if (propagation !== undefined) {
    const { kind, recursive } = propagation;
    draft.add({ op: "attributes", slot: root, set: [], clear: [], propagation: kind, recursive });
  }
}
