/** A throw-away view of the host's own files: an overlay of a directory, and one of each real file system mounted below it. */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { O_PATH, S_IFDIR, S_IFMT } from "../../ffi/kernel.ts";
import { explain, wrap } from "../base/error.ts";
import type { Fd } from "../sys/fd.ts";
import { fchmodat, fchownat, openat, openDirectory } from "../sys/file.ts";
import { changeMount, cloneTree } from "../sys/mount.ts";
import type { MountInfo } from "../sys/mountinfo.ts";
import { readMounts } from "../sys/mountinfo.ts";
import { statat } from "../sys/stat.ts";
import { mountSnapshot } from "./snapshot.ts";

export interface HostSnapshotOptions {
  /** A directory of the host, "/" included. */
  readonly directory: string;
  /** An existing directory for the upper and work directories, a pair a mount; not on an overlay or a network file system. */
  readonly base: string;
  /** Never sync: the view is thrown away with the container. */
  readonly volatile?: boolean;
}

export interface HostMount {
  /** Where it belongs below the root: relative. */
  readonly path: string;
  readonly mount: Fd;
  /** False: it is what the host has, read-only, because overlayfs cannot take it; `reason` says why. */
  readonly writable: boolean;
  readonly reason?: string;
}

export interface HostSnapshot extends Disposable {
  /** The overlay of the directory, detached; without the mounts below. */
  readonly root: Fd;
  /** Mounts below it, detached, parents first: each is to be attached at its path in the root. */
  readonly mounts: readonly HostMount[];
  /** Real file systems and files mounted below that the view does not have at all. */
  readonly missing: readonly { readonly path: string; readonly reason: string }[];
}

/** File systems of the kernel's own: a container has its own, or none. */
const kernelTypes = new Set(
  (
    "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl hugetlbfs mqueue nsfs " +
    "proc pstore ramfs rpc_pipefs securityfs selinuxfs sysfs tracefs"
  ).split(" "),
);

/** Makes the view. Nothing in it reaches the host; nothing of it is in the host's mount table. */
export function mountHostSnapshot({ directory, base, volatile = false }: HostSnapshotOptions): HostSnapshot {
  const top = resolve(directory);
  using undo = new DisposableStack();
  const mounts: HostMount[] = [];
  const missing: { path: string; reason: string }[] = [];
  try {
    const root = undo.use(overlayOf(top, join(base, "root"), volatile));
    for (const [index, path] of mountsBelow(top).entries()) {
      const covered = cover(join(top, path), join(base, `mount-${index}`), volatile);
      if ("mount" in covered) {
        undo.use(covered.mount);
        mounts.push({ path, ...covered });
      } else missing.push({ path, reason: covered.reason });
    }
    const held = undo.move();
    return { root, mounts, missing, [Symbol.dispose]: () => held.dispose() };
  } catch (error) {
    throw wrap(error, `make a snapshot of "${top}"`);
  }
}

/** Paths below `top` where something real is mounted, relative, parents first. */
function mountsBelow(top: string): string[] {
  const prefix = top === "/" ? "/" : `${top}/`;
  const all = readMounts();
  const byPoint = new Map<string, MountInfo>();
  // A later mount at the same place hides the earlier one.
  for (const mount of all) byPoint.set(mount.mountPoint.toString(), mount);
  const own = (path: string) =>
    ["/proc", "/sys", "/dev"].some((tree) => path === tree || path.startsWith(`${tree}/`));
  return (
    [...byPoint]
      .filter(([path, { type }]) => path.startsWith(prefix) && path !== top && !kernelTypes.has(type))
      .map(([path]) => path.slice(prefix.length))
      // What a root's /proc, /sys and /dev hold, every container has of its own.
      .filter((path) => path !== "" && !own(`/${path}`))
      .sort()
  );
}

type Covered = { mount: Fd; writable: boolean; reason?: string } | { reason: string };

function cover(path: string, base: string, volatile: boolean): Covered {
  try {
    if (!isDirectory(path)) return readOnly(path, "a single file is mounted there");
  } catch (error) {
    // Gone by now, or hidden below another mount.
    return { reason: explain(error) };
  }
  try {
    return { mount: overlayOf(path, base, volatile), writable: true };
  } catch (error) {
    return readOnly(path, explain(error));
  }
}

function isDirectory(path: string): boolean {
  using file = openat(undefined, path, O_PATH);
  return (statat(file, "").mode & S_IFMT) === S_IFDIR;
}

function readOnly(path: string, reason: string): Covered {
  try {
    using undo = new DisposableStack();
    const mount = undo.use(cloneTree(path));
    changeMount(mount, { set: ["ro"] });
    undo.move();
    return { mount, writable: false, reason };
  } catch (error) {
    return { reason: `${reason}; ${explain(error)}` };
  }
}

/** An overlay with `lower` as its one layer; its upper takes the lower's owner and mode, which the view's root then has. */
function overlayOf(lower: string, base: string, volatile: boolean): Fd {
  const [upper, work] = [join(base, "upper"), join(base, "work")];
  for (const path of [base, upper, work]) mkdirSync(path, { mode: 0o700, recursive: true });
  using directory = openDirectory(base);
  using source = openDirectory(lower);
  const { uid, gid, mode } = statat(source, "");
  fchownat(directory, "upper", uid, gid);
  fchmodat(directory, "upper", mode & 0o7777);
  return mountSnapshot({ lowers: [lower], upper, work, volatile });
}
