/** The cgroup filesystem as a container sees it: the mounts that `type: cgroup` of a spec stands for. */
import { posix } from "node:path";
import type { Slot, Step } from "../../ffi/plan.ts";
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
    const controllers = line.split(":")[1] ?? "";
    if (controllers === "") return [];
    const name = controllers.replace(/^name=/, "");
    if (!mounted.has(name)) return [];
    return [
      { name, options: controllers.startsWith("name=") ? ["none", controllers] : controllers.split(",") },
    ];
  });
  return hierarchies.length === 0 ? { version: 2 } : { version: 1, hierarchies };
}

/** Mounts the container's view. Returns the steps to take when all else is in place. */
export function placeCgroup(draft: Draft, root: Slot, prepared: PreparedMount, host: HostCgroup): Step[] {
  const { destination: path, options } = prepared;
  const attributes = options.set;
  if (host.version === 2) {
    const slot = draft.open((slot) => ({ op: "filesystem", slot, type: "cgroup2", options: [], attributes }));
    draft.add({ op: "attach", slot, root, path, follow: true });
    return [];
  }
  const writable = attributes.filter((name) => name !== "ro");
  const top = draft.open((slot) => ({
    op: "filesystem",
    slot,
    type: "tmpfs",
    options: [["mode", "755"]],
    attributes: writable,
  }));
  draft.add({ op: "attach", slot: top, root, path, follow: true });
  for (const { name, options: names } of host.hierarchies) {
    const options = names.map((option) => {
      const [key = "", value] = option.split("=");
      return value === undefined ? ([key] as const) : ([key, value] as const);
    });
    const slot = draft.open((slot) => ({ op: "filesystem", slot, type: "cgroup", options, attributes }));
    draft.add({ op: "attach", slot, root: top, path: `/${name}`, follow: false });
    // "cpu" and "cpuacct" for "cpu,cpuacct": programs look for one controller by its own name.
    const links = name.includes(",") ? name.split(",") : [];
    for (const link of links) {
      draft.add({ op: "symlink", root: top, path: `/${link}`, target: name, replace: false });
    }
  }
  return attributes.includes("ro") ? [makeReadonly(top)] : [];
}
