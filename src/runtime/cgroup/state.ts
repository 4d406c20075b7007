/** What is known about a container's cgroup: plain data, which the state file keeps and every operation starts from. */

import type { Spec } from "../spec.ts";

/** Whose cgroup is made, and how. */
export interface CgroupOptions {
  readonly id: string;
  readonly spec: Spec;
  /** True: systemd makes it, and `linux.cgroupsPath` is `slice:prefix:name`. */
  readonly systemd?: boolean;
  /** True: a runtime without rights goes without a cgroup, unless the spec asks for one. */
  readonly rootless?: boolean;
  /** Called before anything is made, with what will be: what is there already is not ours to remove. */
  readonly onPlanned?: (planned: CgroupState) => void;
}

/** A container's cgroup in each tree that it has one in. */
export interface CgroupState {
  /** 2: the unified tree is all there is. 1: trees of controllers, perhaps the unified one beside them. */
  readonly version: 1 | 2;
  /** Absolute directories by the tree's name: "memory", "cpu,cpuacct", "name=systemd"; "" for the unified tree. */
  readonly directories: Readonly<Record<string, string>>;
  /** systemd's unit that the cgroup belongs to. */
  readonly unit?: string;
  /** True: the unit is one of the user's systemd, not of the system's. */
  readonly userUnit?: boolean;
}

/** The directory that has this v1 controller's files. */
export function directoryOfController({ directories }: CgroupState, controller: string): string | undefined {
  return (
    directories[controller] ??
    Object.entries(directories).find(([name]) => name.split(",").includes(controller))?.[1]
  );
}

/** The container's cgroup in the unified tree. */
export function unifiedDirectory({ directories }: CgroupState): string | undefined {
  return directories[""];
}

/** The container's cgroups in the trees of version 1. */
export function legacyDirectories({ directories }: CgroupState): string[] {
  return Object.entries(directories)
    .filter(([name]) => name !== "")
    .map(([, path]) => path);
}

/** All of them in the order of their removal: the unified one can be waited for, and when it is empty the others are. */
export function directoriesToRemove(state: CgroupState): string[] {
  const unified = unifiedDirectory(state);
  return [...(unified === undefined ? [] : [unified]), ...legacyDirectories(state)];
}
