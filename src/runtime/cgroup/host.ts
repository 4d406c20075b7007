/** Which cgroup trees this host has, and where the runtime itself is in them. */
import { O_PATH } from "../../../ffi/kernel.ts";
import { tryOpen } from "../../sys/attempt.ts";
import { readSmallFile } from "../../sys/small-file.ts";

/** One tree of cgroups. */
export interface Tree {
  /** Its v1 controllers, or its name: "cpu,cpuacct", "name=systemd"; "" is the unified tree. */
  readonly name: string;
  /** Absolute path of its root: "/sys/fs/cgroup/memory". */
  readonly mountPoint: string;
  /** The cgroup of the runtime: "/user.slice". */
  readonly own: string;
}

/** Version 2: the unified tree alone. Version 1: a tree a controller or a few, perhaps the unified one beside them. */
export interface Host {
  readonly version: 1 | 2;
  readonly trees: readonly Tree[];
}

/** Where every system mounts them. */
const top = "/sys/fs/cgroup";

/** Looks: a small file, and two names. Mounts elsewhere are not looked for. */
export function readHost(): Host {
  const trees = parseTrees(readSmallFile("/proc/self/cgroup"));
  const unified = trees.filter(({ name }) => name === "");
  // With trees of version 1 about, which may be mounted anywhere, the usual place decides.
  if (trees.length === unified.length || isUnified(top)) {
    return { version: 2, trees: unified.map((tree) => ({ ...tree, mountPoint: top })) };
  }
  const legacy = trees.filter(({ name }) => name !== "");
  return { version: 1, trees: isUnified(unifiedMountPoint(1)) ? trees : legacy };
}

/** True where the unified tree is mounted: its root has this file, no other file system has. */
function isUnified(mountPoint: string): boolean {
  const file = tryOpen(undefined, `${mountPoint}/cgroup.controllers`, O_PATH, ["ENOENT", "ENOTDIR"]);
  if (typeof file === "string") return false;
  file.close();
  return true;
}

/** The trees of lines "4:memory:/path" (`man 7 cgroups`); the mount points are the usual ones. */
export function parseTrees(text: string): Tree[] {
  return text.split("\n").flatMap((line): Tree[] => {
    const [, name, ...path] = line.split(":");
    if (name === undefined) return [];
    const directory = name === "" ? "unified" : name.replace(/^name=/, "");
    return [{ name, mountPoint: `${top}/${directory}`, own: path.join(":") }];
  });
}

/** Root of the unified tree. */
export function unifiedMountPoint(version: 1 | 2): string {
  return version === 2 ? top : `${top}/unified`;
}

/** The controllers that a tree's name stands for; none for the unified tree and for named ones. */
export function controllersOf(name: string): string[] {
  return name === "" || name.startsWith("name=") ? [] : name.split(",");
}
