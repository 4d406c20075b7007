/** The middle of a container's plan: from the host's root to the container's, with all that lies in it. */
import { posix } from "node:path";
import type { Slot, Step } from "../../ffi/plan.ts";
import { CurruntError } from "../base/error.ts";
import type { Beginning } from "./begin.ts";
import type { CgroupTrees, HostCgroup } from "./cgroup-mount.ts";
import { openCgroups, placeCgroup } from "./cgroup-mount.ts";
import { deviceSteps } from "./device.ts";
import type { Draft } from "./draft.ts";
import { writeKernelFiles } from "./kernel-file.ts";
import type { LabelWrite } from "./label.ts";
import { makeMasks } from "./mask.ts";
import type { PreparedMount } from "./mount.ts";
import { makeReadonly, openSources, placeMount, propagationOptions } from "./mount.ts";
import { terminalStep } from "./process.ts";
import type { Spec } from "./spec.ts";
import type { Confinement } from "./stand-in.ts";

/** What the root and its mounts need to know. */
export interface RootOptions {
  readonly spec: Spec;
  /** Directory that relative paths of the spec start from; absolute. */
  readonly bundle: string;
  /** Security labels: files of procfs and what goes into them. */
  readonly labels?: readonly LabelWrite[] | undefined;
  /** SELinux label of the filesystems that are mounted. */
  readonly mountLabel?: string | undefined;
  readonly hooks?: CreationHooks | undefined;
  /** As in `BeginOptions`. */
  readonly rootPlace?: string | undefined;
  /** In a user namespace. */
  readonly confinement?: Confinement | undefined;
}

/** What is known once the container has its cgroup. */
export interface FurnishOptions {
  /** Has init enter its cgroups, unless it is born in them. */
  readonly entering?: readonly Step[] | undefined;
  /** Needed for a mount of type cgroup. */
  readonly hostCgroup: HostCgroup | undefined;
  /** For a root that cannot be pivoted to: the mounts of the host's that must not stay reachable. */
  readonly unpivoted?: readonly string[] | undefined;
  /** True: what the program writes on its terminal goes to no terminal, and shall be what it wrote. */
  readonly plainTerminal?: boolean | undefined;
}

/** What runs when all mounts are in place, before the container's root is everybody's. */
export interface CreationHooks {
  /** True: the caller has something to do in the runtime's namespaces, at the sync point "runtime-hooks". */
  readonly runtime: boolean;
  readonly createContainer: readonly Step[];
}

/** A container's root in the making. */
export interface Furnishing {
  readonly beginning: Beginning;
  readonly options: RootOptions;
  readonly root: Slot;
  /** The host's. */
  readonly devices: Slot;
  /** The host's procfs, when it was needed. */
  readonly proc: Slot | undefined;
  /** What covers masked paths, unless hooks come before. */
  readonly masks: Slot | undefined;
  /** True: its /dev is one of the host's. */
  readonly boundDev: boolean;
  /** Mounts that wait for init to be in its cgroup. */
  readonly waiting: readonly PreparedMount[];
  /** To be done when all else is in place. */
  readonly last: readonly Step[];
}

/**
 * The next steps, with all for which init need not be in its cgroup yet: that can be made meanwhile. To be taken from the
 * draft.
 */
export function placeRoot(beginning: Beginning, options: RootOptions): Furnishing {
  const { draft, namespaces, passedRoot } = beginning;
  const { spec } = options;
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
  // For devices that may not be made: our own mounts cover them next.
  const devices = draft.open((slot) => ({ op: "open", slot, path: "/dev", read: false }));
  const place = openPlaceOfRoot(draft, spec, options);
  draft.add(...(options.confinement?.becomeRoot ?? []), ...later);
  const masks = options.hooks === undefined ? makeMasks(draft, spec, devices) : undefined;
  draft.add({ op: "cover", slot: root, ...place });
  if (passedRoot === undefined && !receivesMounts(spec)) {
    draft.add({ op: "attributes", slot: root, set: [], clear: [], propagation: "private", recursive: true });
  }
  const first = mounts.findIndex(needsCgroup);
  const ready = first < 0 ? mounts : mounts.slice(0, first);
  const last = ready.flatMap((prepared) => placeMount(draft, root, prepared));
  const boundDev = mounts.some(({ destination, tree }) => destination === "/dev" && tree !== undefined);
  const waiting = mounts.slice(ready.length);
  return { beginning, options, root, devices, proc, masks, boundDev, waiting, last };
}

/** It shows the cgroup that it is made in, or its memory is to be accounted there. */
function needsCgroup({ mount, options }: PreparedMount): boolean {
  return mount.type === "cgroup" || options.copyUp === true;
}

/** The steps behind those, up to the container's own root. Returns them with what is not taken of the draft yet. */
export function furnish(furnishing: Furnishing, options: FurnishOptions): Step[] {
  const { beginning, root, devices, proc } = furnishing;
  const { draft, process, terminal } = beginning;
  const { spec, hooks, labels = [] } = furnishing.options;
  draft.add(...(options.entering ?? []), ...beginning.whenMoved);
  const last = [...furnishing.last, ...placeWaiting(furnishing, options.hostCgroup)];
  if (!furnishing.boundDev) draft.add(...deviceSteps(root, devices, spec.linux?.devices ?? []));
  const masks = hooks === undefined ? furnishing.masks : runCreationHooks(draft, spec, devices, hooks);
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
  { hooks, bundle, rootPlace }: RootOptions,
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

function bindRoot(draft: Draft, spec: Spec, bundle: string): Slot {
  if (spec.root === undefined) throw new CurruntError("invalid", "root: a container needs a root filesystem");
  const path = posix.resolve(bundle, spec.root.path);
  return draft.open((slot) => ({ op: "tree", slot, path, recursive: true }));
}

/** Places the mounts that had to wait. Returns the steps to take when all else is in place. */
function placeWaiting(
  { beginning: { draft, namespaces }, root, waiting }: Furnishing,
  host: HostCgroup | undefined,
): Step[] {
  const trees: CgroupTrees =
    host !== undefined && !namespaces.has("cgroup")
      ? openCgroups(draft, host, namespaces.has("user"))
      : new Map();
  return waiting.flatMap((prepared) => {
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
