/** The beginning of a container's plan: namespaces, and init in them. */
import type { Slot, Step } from "../../ffi/plan.ts";
import { CurruntError } from "../base/error.ts";
import { Draft } from "./draft.ts";
import { hasIdmaps, openIdmaps } from "./idmap.ts";
import { prepareUserNamespace } from "./kernel-file.ts";
import type { CgroupPlaces, Namespaces } from "./namespace.ts";
import { cloneSteps, enterCgroups, hostIdOf, namespacesOf, requireMountNamespace } from "./namespace.ts";
import type { Ending } from "./process.ts";
import type { Process, Spec } from "./spec.ts";

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
