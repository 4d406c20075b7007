/** What a container gets in place of filesystems and paths that a user namespace keeps it from: the host's own. */
import type { Slot, Step } from "../../ffi/plan.ts";
import type { Draft } from "./draft.ts";
import type { PreparedMount } from "./mount.ts";
import type { Namespaces } from "./namespace.ts";
import type { LinuxNamespaceType, Spec } from "./spec.ts";
import { becomeRootSteps } from "./user-namespace.ts";

/** What is different for a container without the host's powers: in a user namespace, its own or the runtime's. */
export interface Confinement {
  /** Opens the stand-ins of the mounts that may need one. To be done while the host's root still is what paths start from. */
  standIns(draft: Draft, mounts: readonly PreparedMount[]): PreparedMount[];
  /** To be done when all the host's paths have been opened. */
  readonly becomeRoot: readonly Step[];
}

/**
 * Filesystems that show a namespace, and whose owner alone may mount them: sysfs the network, procfs the pids. Where the
 * container shares that namespace, what the host has mounted shows the same.
 */
const shown: Readonly<Record<string, { type: LinuxNamespaceType; path: string }>> = {
  sysfs: { type: "network", path: "/sys" },
  proc: { type: "pid", path: "/proc" },
  mqueue: { type: "ipc", path: "/dev/mqueue" },
};

export interface ConfinementOptions {
  readonly id: string;
  readonly spec: Spec;
  readonly namespaces: Namespaces;
  /** The user namespace is the container's. */
  readonly own: boolean;
  readonly sharesKeyring: boolean;
}

export function confinementOf({
  id,
  spec: { linux = {} },
  namespaces,
  own,
  sharesKeyring,
}: ConfinementOptions): Confinement {
  const keyring: Step[] = sharesKeyring ? [] : [{ op: "keyring", name: `_ses.${id}` }];
  return {
    standIns: (draft, mounts) => {
      const opened = new Map<string, Slot>();
      return mounts.map((prepared) => {
        const filesystem = shown[prepared.mount.type ?? ""];
        if (prepared.tree !== undefined || filesystem === undefined) return prepared;
        if (namespaces.made.includes(filesystem.type)) return prepared;
        const { path } = filesystem;
        const instead =
          opened.get(path) ??
          draft.open((slot) => ({ op: "tree", slot, path, recursive: true, optional: true }));
        opened.set(path, instead);
        return { ...prepared, instead };
      });
    },
    becomeRoot: own ? [...becomeRootSteps(linux), ...keyring] : [],
  };
}
