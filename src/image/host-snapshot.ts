/** A throw-away view of the host's own files: an overlay of a directory, and one of each real file system mounted below it. */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { O_PATH, S_IFDIR, S_IFMT } from "../../ffi/kernel.ts";
import { explain, wrap } from "../base/error.ts";
import type { Fd } from "../sys/fd.ts";
import { openat } from "../sys/file.ts";
import { changeMount, cloneTree } from "../sys/mount.ts";
import type { MountInfo } from "../sys/mountinfo.ts";
import { readMounts } from "../sys/mountinfo.ts";
import type { MountAt } from "../sys/overlay.ts";
import { assembleTree } from "../sys/overlay.ts";
import { statat } from "../sys/stat.ts";
import { mountSnapshot } from "./snapshot.ts";

export interface HostSnapshotOptions {
  /** A directory of the host, "/" included. */
  readonly directory: string;
  /** Where changes go, both existing: not on an overlay or a network file system. */
  readonly upper: string;
  readonly work: string;
  /** A directory, made when it is needed, for the changes to file systems mounted below. */
  readonly mounts: string;
  /** Never sync: the view is thrown away with the container. */
  readonly volatile?: boolean;
}

export interface HostSnapshot {
  /** The whole view, detached. */
  readonly root: Fd;
  /** What is mounted below and shown read-only or not at all, because overlayfs cannot take it. */
  readonly limits: readonly { readonly path: string; readonly readable: boolean; readonly reason: string }[];
}

/** File systems of the kernel's own: a container has its own, or none. */
const kernelTypes = new Set(
  (
    "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl hugetlbfs mqueue nsfs " +
    "proc pstore ramfs rpc_pipefs securityfs selinuxfs sysfs tracefs"
  ).split(" "),
);

/** Makes the view. Nothing in it reaches the host; nothing of it is in the host's mount table. */
export function mountHostSnapshot(options: HostSnapshotOptions): HostSnapshot {
  const { upper, work, mounts: base, volatile } = options;
  const top = resolve(options.directory);
  using held = new DisposableStack();
  const mounts: MountAt[] = [];
  const limits: { path: string; readable: boolean; reason: string }[] = [];
  try {
    const root = mountSnapshot({ lowers: [top], upper, work, volatile });
    held.use(root);
    for (const path of mountsBelow(top)) {
      const { mount, reason } = cover(join(top, path), join(base, hashOf(path)), volatile);
      if (mount !== undefined) mounts.push({ path, mount: held.use(mount) });
      if (reason !== undefined) limits.push({ path, readable: mount !== undefined, reason });
    }
    if (mounts.length > 0) return { root: assembleTree(root, mounts), limits };
    held.move();
    return { root, limits };
  } catch (error) {
    throw wrap(error, `make a snapshot of "${top}"`);
  }
}

/** A name for a path's directory: the same each time the container starts, whatever else is mounted by then. */
function hashOf(path: string): string {
  return new Bun.CryptoHasher("sha256").update(path).digest("hex").slice(0, 16);
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

interface Covered {
  readonly mount?: Fd;
  /** Why it is no overlay. */
  readonly reason?: string;
}

function cover(path: string, base: string, volatile: boolean | undefined): Covered {
  try {
    if (!isDirectory(path)) return readOnly(path, "a single file is mounted there");
  } catch (error) {
    // Gone by now, or hidden below another mount.
    return { reason: explain(error) };
  }
  try {
    const [upper, work] = [join(base, "upper"), join(base, "work")];
    for (const directory of [upper, work]) mkdirSync(directory, { mode: 0o700, recursive: true });
    return { mount: mountSnapshot({ lowers: [path], upper, work, volatile }) };
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
    return { mount, reason };
  } catch (error) {
    return { reason: `${reason}; ${explain(error)}` };
  }
}
