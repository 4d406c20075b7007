/** Namespaces of a spec: which are made, which are joined, in which order. */

import type { Slot, Step } from "../../ffi/plan.ts";
import { CurruntError } from "../base/error.ts";
import type { Draft } from "./draft.ts";
import type { Linux, LinuxIDMapping, LinuxNamespace, LinuxNamespaceType, Spec } from "./spec.ts";

/** The spec's namespaces by kind. A type that is not listed is shared with the runtime. */
export interface Namespaces {
  readonly made: readonly LinuxNamespaceType[];
  readonly joined: readonly (LinuxNamespace & { path: string })[];
  /** True when the container does not share this namespace with the runtime. */
  has(type: LinuxNamespaceType): boolean;
}

/** Reads the spec's list; refuses a type that is listed twice. */
export function namespacesOf(spec: Spec): Namespaces {
  const listed = spec.linux?.namespaces ?? [];
  const types = listed.map(({ type }) => type);
  const twice = types.find((type, index) => types.indexOf(type) !== index);
  if (twice !== undefined) {
    throw new CurruntError("invalid", `linux.namespaces: "${twice}" is listed twice`);
  }
  const joined = listed.flatMap(({ type, path }) =>
    path === undefined || path === "" ? [] : [{ type, path }],
  );
  const made = types.filter((type) => !joined.some((namespace) => namespace.type === type));
  return { made, joined, has: (type) => types.includes(type) };
}

/** A container in the runtime's own mount namespace is for callers only that take its mounts away in the end. */
export function requireMountNamespace(namespaces: Namespaces): void {
  if (namespaces.has("mount")) return;
  throw new CurruntError("unsupported", "linux.namespaces: a container needs a mount namespace of its own", {
    hint: 'add { "type": "mount" }',
  });
}

/** How init gets into its cgroup. */
export interface CgroupPlaces {
  /** Files that the shim writes itself to before it clones (`CgroupEntry`). */
  readonly files: readonly string[];
  /** True: the directory that init is cloned into is passed along. */
  readonly directory: boolean;
  /** True: someone else moves init, when it exists. */
  readonly moved: boolean;
  readonly optional: boolean;
}

export interface CloneOptions {
  readonly deathSignal: number;
  readonly cgroup?: CgroupPlaces | undefined;
  /** What `enterCgroups` returned. */
  readonly inside?: Slot | undefined;
  readonly timeOffsets?: Linux["timeOffsets"];
}

/**
 * Joins what is joined, then clones init into the rest. Joined first: a pid namespace takes effect at
 * the clone, and a new namespace belongs to the user namespace in which it is made (`man 7 user_namespaces`).
 * Returns what init has to do as soon as it is in its cgroup.
 */
export function cloneSteps(
  draft: Draft,
  namespaces: Namespaces,
  { deathSignal, cgroup, inside: slot, timeOffsets = {} }: CloneOptions,
): Step[] {
  // A cgroup namespace begins at the cgroup of who makes it, at a clone that is the parent; and from inside one nobody can be
  // put into a cgroup outside of it (man 7 cgroup_namespaces).
  const isLate = (type: LinuxNamespaceType) =>
    type === "cgroup" && (slot !== undefined || cgroup?.moved === true);
  const opened = namespaces.joined.map(({ type, path }) => ({
    type,
    slot: draft.open((slot) => ({ op: "open", slot, path, read: true })),
  }));
  joinSteps(
    draft,
    opened.filter(({ type }) => !isLate(type)),
  );
  const offsets = namespaces.made.includes("time") ? offsetsOf(timeOffsets) : "";
  const made = namespaces.made.filter((type) => !isLate(type) && !(type === "time" && offsets !== ""));
  const apart = namespaces.has("user") || namespaces.has("time");
  const birthplace = slot === undefined ? {} : { cgroup: slot };
  draft.add({ op: "clone", namespaces: made, deathSignal, ...birthplace, ...(apart ? { apart } : {}) });
  if (offsets !== "") timeSteps(draft, offsets);
  const late = namespaces.made.filter(isLate);
  return [
    ...opened
      .filter(({ type }) => isLate(type))
      .map(({ type, slot }) => ({ op: "setns", slot, namespaces: [type] }) as const),
    ...(late.length === 0 ? [] : [{ op: "unshare", namespaces: late } as const]),
  ];
}

/**
 * All are opened before one is joined: in a joined mount namespace the paths may mean something else. What belongs to the
 * host's user namespace takes the host's rights to join, what belongs to the joined one takes the rights there.
 */
function joinSteps(draft: Draft, opened: readonly { type: LinuxNamespaceType; slot: Slot }[]): void {
  const others = opened.filter(({ type }) => type !== "user");
  const user = opened.find(({ type }) => type === "user");
  if (user === undefined) {
    for (const { type, slot } of others) draft.add({ op: "setns", slot, namespaces: [type] });
    return;
  }
  for (const { type, slot } of others) draft.add({ op: "setns", slot, namespaces: [type], when: "try" });
  draft.add({ op: "setns", slot: user.slot, namespaces: ["user"] });
  for (const { type, slot } of others) draft.add({ op: "setns", slot, namespaces: [type], when: "rest" });
}

/** Lines of /proc/PID/timens_offsets (`man 7 time_namespaces`); "" when all clocks are the host's. */
function offsetsOf(timeOffsets: NonNullable<Linux["timeOffsets"]>): string {
  return Object.entries(timeOffsets)
    .map(([clock, { secs = 0, nanosecs = 0 }]) => `${clock} ${secs} ${nanosecs}\n`)
    .join("");
}

/** Clocks can be set as long as nobody is in the namespace: init makes one for its children, sets it, and joins. */
function timeSteps(draft: Draft, data: string): void {
  draft.add({ op: "unshare", namespaces: ["time"] });
  const proc = draft.open((slot) => ({ op: "open", slot, path: "/proc", read: false }));
  draft.add({ op: "write", slot: proc, path: "self/timens_offsets", data }, { op: "forget", slot: proc });
  const path = "/proc/self/ns/time_for_children";
  const slot = draft.open((slot) => ({ op: "open", slot, path, read: true }));
  draft.add({ op: "setns", slot, namespaces: ["time"] }, { op: "forget", slot });
}

/** Has the shim enter the cgroups that take it; returns the slot of the one that is cloned into. Before all other slots. */
export function enterCgroups(draft: Draft, cgroup: CgroupPlaces | undefined): Slot | undefined {
  const slot = cgroup?.directory === true ? draft.input("cgroup") : undefined;
  for (const path of cgroup?.files ?? [])
    draft.add({ op: "cgroup", path, optional: cgroup?.optional === true });
  return slot;
}

/** What an ID of the container's is outside of it; undefined when the mappings, absent in a joined namespace, do not tell. */
export function hostIdOf(id: number, mappings: readonly LinuxIDMapping[] = []): number | undefined {
  const found = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  return found === undefined ? undefined : found.hostID + id - found.containerID;
}
