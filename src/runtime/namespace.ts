/** Namespaces of a spec: which are made, which are joined. */

import type { Slot, Step } from "../../ffi/plan.ts";
import { CurruntError } from "../base/error.ts";
import type { Draft } from "./draft.ts";
import type { LinuxNamespace, LinuxNamespaceType, Spec } from "./spec.ts";

/** The spec's namespaces by kind. A type that is not listed is shared with the runtime. */
export interface Namespaces {
  readonly made: readonly LinuxNamespaceType[];
  readonly joined: readonly (LinuxNamespace & { path: string })[];
  /** True when the container does not share this namespace with the runtime. */
  has(type: LinuxNamespaceType): boolean;
}

/** Reads the spec's list; refuses a type that is listed twice, and a container without a mount namespace of its own. */
export function namespacesOf(spec: Spec): Namespaces {
  const listed = spec.linux?.namespaces ?? [];
  const types = listed.map(({ type }) => type);
  const twice = types.find((type, index) => types.indexOf(type) !== index);
  if (twice !== undefined) {
    throw new CurruntError("invalid", `linux.namespaces: "${twice}" is listed twice`);
  }
  if (!types.includes("mount")) {
    throw new CurruntError(
      "unsupported",
      "linux.namespaces: a container needs a mount namespace of its own",
      {
        hint: 'add { "type": "mount" }',
      },
    );
  }
  const joined = listed.flatMap(({ type, path }) =>
    path === undefined || path === "" ? [] : [{ type, path }],
  );
  if (joined.some(({ type }) => type === "mount")) {
    throw new CurruntError("unsupported", "linux.namespaces: joining a mount namespace is not supported yet");
  }
  const made = types.filter((type) => !joined.some((namespace) => namespace.type === type));
  if (types.includes("user") || types.includes("time")) {
    throw new CurruntError("unsupported", "linux.namespaces: user and time namespaces are not supported yet");
  }
  return { made, joined, has: (type) => types.includes(type) };
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

/**
 * Enters the cgroups, joins what is joined, then clones init into the rest. Joined first: a pid namespace takes effect at
 * the clone, and a new namespace belongs to the user namespace in which it is made (`man 7 user_namespaces`).
 * Returns what init has to do as soon as it is in its cgroup.
 */
export function cloneSteps(
  draft: Draft,
  namespaces: Namespaces,
  { deathSignal, cgroup }: { readonly deathSignal: number; readonly cgroup?: CgroupPlaces | undefined },
): Step[] {
  const slot = enterCgroups(draft, cgroup);
  const opened = namespaces.joined.map(({ type, path }) => ({
    type,
    slot: draft.open((slot) => ({ op: "open", slot, path, read: true })),
  }));
  // A cgroup namespace begins at the cgroup of who makes it, at a clone that is the parent; and from inside one nobody can be
  // put into a cgroup outside of it (man 7 cgroup_namespaces).
  const isLate = (type: LinuxNamespaceType) =>
    type === "cgroup" && (slot !== undefined || cgroup?.moved === true);
  const joins = opened.map(({ type, slot }) => ({ op: "setns", slot, namespaces: [type] }) as const);
  draft.add(...joins.filter((_, index) => !isLate(opened[index]?.type ?? "mount")));
  const made = namespaces.made.filter((type) => !isLate(type));
  draft.add({ op: "clone", namespaces: made, deathSignal, ...(slot === undefined ? {} : { cgroup: slot }) });
  const late = namespaces.made.filter(isLate);
  return [
    ...joins.filter((_, index) => isLate(opened[index]?.type ?? "mount")),
    ...(late.length === 0 ? [] : [{ op: "unshare", namespaces: late } as const]),
  ];
}

/** Has the shim enter the cgroups that take it; returns the slot of the one that is cloned into. Before all other slots. */
export function enterCgroups(draft: Draft, cgroup: CgroupPlaces | undefined): Slot | undefined {
  const slot = cgroup?.directory === true ? draft.input("cgroup") : undefined;
  for (const path of cgroup?.files ?? [])
    draft.add({ op: "cgroup", path, optional: cgroup?.optional === true });
  return slot;
}
