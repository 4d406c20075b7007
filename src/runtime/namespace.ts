/** Namespaces of a spec: which are made, which are joined. */
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

/**
 * Joins what is joined, then clones init into the rest. Joined first: a pid namespace takes effect at the clone, and a
 * new namespace belongs to the user namespace in which it is made (`man 7 user_namespaces`).
 */
export function cloneSteps(draft: Draft, namespaces: Namespaces, deathSignal: number): void {
  const opened = namespaces.joined.map(({ type, path }) => ({
    type,
    slot: draft.open((slot) => ({ op: "open", slot, path, read: true })),
  }));
  for (const { type, slot } of opened) draft.add({ op: "setns", slot, namespaces: [type] });
  draft.add({ op: "clone", namespaces: namespaces.made, deathSignal });
}
