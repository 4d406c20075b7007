/** The cgroup filesystem as a container sees it: the mounts that `type: cgroup` of a spec stands for. */
import { posix } from "node:path";
import type { FilesystemOption, MountAttribute, Slot, Step } from "../../ffi/plan.ts";
import { readSmallFile } from "../sys/small-file.ts";
import type { Draft } from "./draft.ts";
import type { PreparedMount } from "./mount.ts";
import { makeReadonly } from "./mount.ts";

/** One hierarchy of cgroup v1. */
export interface Hierarchy {
  /** Name of its directory: "cpu,cpuacct". */
  readonly name: string;
  /** Mount options that mean it: "cpu", "cpuacct"; or "none" and "name=systemd". */
  readonly options: readonly string[];
  /** The cgroup that the runtime, and init with it, is in: "/user.slice". */
  readonly path: string;
}

/** Which cgroup filesystem the host has at /sys/fs/cgroup. */
export type HostCgroup =
  | { readonly version: 2 }
  | { readonly version: 1; readonly hierarchies: readonly Hierarchy[] };

/** Reads what the host has. A host with v1 controllers and the unified hierarchy beside them counts as version 1. */
export function readHostCgroup(): HostCgroup {
  return parseHostCgroup(readSmallFile("/proc/self/cgroup"), readSmallFile("/proc/self/mountinfo"));
}

/** `cgroups`: lines "4:memory:/path" (`man 7 cgroups`); `mounts`: mountinfo, for hierarchies that are mounted. */
export function parseHostCgroup(cgroups: string, mounts: string): HostCgroup {
  const mounted = new Set(
    mounts.split("\n").flatMap((line) => {
      const [before = "", after = ""] = line.split(" - ");
      const mountpoint = before.split(" ")[4] ?? "";
      return after.startsWith("cgroup ") && posix.dirname(mountpoint) === "/sys/fs/cgroup"
        ? [posix.basename(mountpoint)]
        : [];
    }),
  );
  const hierarchies = cgroups.split("\n").flatMap((line): Hierarchy[] => {
    const [, controllers = "", ...path] = line.split(":");
    if (controllers === "") return [];
    const name = controllers.replace(/^name=/, "");
    if (!mounted.has(name)) return [];
    const options = controllers.startsWith("name=") ? ["none", controllers] : controllers.split(",");
    return [{ name, options, path: path.join(":") }];
  });
  return hierarchies.length === 0 ? { version: 2 } : { version: 1, hierarchies };
}

/** The same host with the cgroups of a container in place of the runtime's: directories by the hierarchy's name. */
export function asSeenFrom(host: HostCgroup, directories: Readonly<Record<string, string>>): HostCgroup {
  if (host.version === 2) return host;
  const hierarchies = host.hierarchies.map((hierarchy): Hierarchy => {
    const { name, options } = hierarchy;
    const directory = directories[name] ?? directories[`name=${name}`];
    const path = directory?.slice(`/sys/fs/cgroup/${name}`.length);
    return path === undefined ? hierarchy : { name, options, path };
  });
  return { version: 1, hierarchies };
}

/** Trees of the hierarchies, by name. */
export type CgroupTrees = ReadonlyMap<string, Slot>;

/**
 * Opens the runtime's own cgroups, for a container that has no cgroup namespace of its own: a hierarchy that it mounted
 * itself would show all the host's cgroups. To be done while the host's root still is what paths start from.
 * On version 2 that is what such a container gets, except where it may not: in a user namespace it gets the host's mount.
 */
export function openCgroups(draft: Draft, host: HostCgroup, inUserNamespace: boolean): CgroupTrees {
  if (host.version === 2 && !inUserNamespace) return new Map();
  if (host.version === 2) {
    const path = "/sys/fs/cgroup";
    return new Map([["", draft.open((slot) => ({ op: "tree", slot, path, recursive: true }))]]);
  }
  return new Map(
    host.hierarchies.map(({ name, path }) => {
      const place = posix.join("/sys/fs/cgroup", name, path);
      return [name, draft.open((slot) => ({ op: "tree", slot, path: place, recursive: false }))];
    }),
  );
}

/** Mounts the container's view. Returns the steps to take when all else is in place. */
export function placeCgroup(
  draft: Draft,
  root: Slot,
  { destination: path, options: { set } }: PreparedMount,
  host: HostCgroup,
  trees: CgroupTrees,
): Step[] {
  if (host.version === 2) {
    const borrowed = trees.get("");
    const slot = borrowed ?? draft.open((slot) => filesystem(slot, "cgroup2", [], set));
    draft.add({ op: "attach", slot, root, path, follow: true });
    // Cgroups of the same user's other containers are in sight: nothing may be written (CVE-2023-25809).
    const all = set.includes("ro") ? set : [...set, "ro" as const];
    if (borrowed !== undefined) draft.add({ op: "attributes", slot, set: all, clear: [], recursive: true });
    return [];
  }
  const writable = set.filter((name) => name !== "ro");
  const top = draft.open((slot) => filesystem(slot, "tmpfs", ["mode=755"], writable));
  draft.add({ op: "attach", slot: top, root, path, follow: true });
  for (const { name, options } of host.hierarchies) {
    const slot = trees.get(name) ?? draft.open((slot) => filesystem(slot, "cgroup", options, set));
    draft.add({ op: "attach", slot, root: top, path: `/${name}`, follow: false });
    if (trees.has(name)) draft.add({ op: "attributes", slot, set, clear: [], recursive: false });
    // "cpu" and "cpuacct" for "cpu,cpuacct": programs look for one controller by its own name.
    const links = name.includes(",") ? name.split(",") : [];
    for (const link of links) {
      draft.add({ op: "symlink", root: top, path: `/${link}`, target: name, replace: false });
    }
  }
  return set.includes("ro") ? [makeReadonly(top)] : [];
}

function filesystem(
  slot: Slot,
  type: string,
  names: readonly string[],
  set: readonly MountAttribute[],
): Step {
  const options = names.map((name): FilesystemOption => {
    const [key = "", value] = name.split("=");
    return value === undefined ? [key] : [key, value];
  });
  return { op: "filesystem", slot, type, options, attributes: set };
}
