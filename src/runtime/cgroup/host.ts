/** Which cgroup trees this host has, and where the runtime itself is in them. */
import { CGROUP2_SUPER_MAGIC } from "../../../ffi/kernel.ts";
import { CurruntError } from "../../base/error.ts";
import { filesystemType } from "../../sys/filesystem.ts";
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

/** Looks: two system calls and one small file. Mounts elsewhere are not looked for. */
export function readHost(): Host {
  if (filesystemType(top) === CGROUP2_SUPER_MAGIC) {
    return { version: 2, trees: [unifiedTree(top, readSmallFile("/proc/self/cgroup"))] };
  }
  const trees = parseTrees(readSmallFile("/proc/self/cgroup"));
  const unified = unifiedMountPoint(1);
  const mounted = trees.filter(({ name }) => name !== "" || filesystemType(unified) === CGROUP2_SUPER_MAGIC);
  if (mounted.length === 0) {
    throw new CurruntError("unavailable", `find the host's cgroups: nothing is mounted at ${top}`, {
      hint: `mount them: mount -t cgroup2 none ${top}`,
    });
  }
  return { version: 1, trees: mounted };
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

function unifiedTree(mountPoint: string, text: string): Tree {
  const own = parseTrees(text).find(({ name }) => name === "")?.own ?? "/";
  return { name: "", mountPoint, own };
}

/** Root of the unified tree. */
export function unifiedMountPoint(version: 1 | 2): string {
  return version === 2 ? top : `${top}/unified`;
}

/** The controllers that a tree's name stands for; none for the unified tree and for named ones. */
export function controllersOf(name: string): string[] {
  return name === "" || name.startsWith("name=") ? [] : name.split(",");
}
