/** The mounts of a container that criu must not look into: what lies there is the host's, and is bound again at the restore. */
import { posix } from "node:path";
import { O_CREAT, O_DIRECTORY, O_EXCL, O_PATH, O_WRONLY, S_IFDIR, S_IFMT } from "../../ffi/kernel.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { mkdirat, openat, openDirectory, openInRoot } from "../sys/file.ts";
import { parseMounts } from "../sys/mountinfo.ts";
import { readSmallFile } from "../sys/small-file.ts";
import { statat } from "../sys/stat.ts";
import type { CgroupState } from "./cgroup/state.ts";
import { parseOptions, sourcePath } from "./mount.ts";
import type { Mount, Spec } from "./spec.ts";

/** A mount, and the name that the image has for it. */
export interface ExternalMount {
  readonly path: string;
  readonly name: string;
}

/** Names of what covers masked paths; runc's is the first. */
const nullDevice = "/dev/null";
const emptyDirectory = "currunt:empty";

/** Of a running container: binds of the spec by their place in the container, and all of which only a part is mounted. */
export function externalMounts(spec: Spec, pid: number): ExternalMount[] {
  const mounts = parseMounts(readSmallFile(`/proc/${pid}/mountinfo`));
  const bound = new Set(boundPlaces(spec).map(({ path }) => path));
  const masked = new Set(spec.linux?.maskedPaths ?? []);
  // Others of the same file system lie below the mount of its root.
  const whole = new Set(
    mounts
      .filter(({ root, mountPoint }) => text(root) === "/" && !bound.has(text(mountPoint)))
      .map(({ device }) => device),
  );
  return mounts.flatMap(({ root, mountPoint, device, type }) => {
    const path = text(mountPoint);
    if (path === "/") return [];
    if (type === "cgroup" || type === "cgroup2") {
      // In a cgroup namespace it is the whole of what can be seen, though not to us.
      return hasCgroupNamespace(spec) ? [] : [{ path, name: cgroupName(path) }];
    }
    if (bound.has(path)) return [{ path, name: path }];
    if (whole.has(device)) return [];
    if (!masked.has(path)) return [{ path, name: path }];
    return [{ path, name: text(root) === "/empty" ? emptyDirectory : nullDevice }];
  });
}

const text = (bytes: Buffer) => bytes.toString();

/** By the name of the tree, which is that of its mount point here and there. */
const cgroupName = (path: string) => `currunt:cgroup:${posix.basename(path)}`;

function hasCgroupNamespace({ linux }: Spec): boolean {
  return linux?.namespaces?.some(({ type }) => type === "cgroup") === true;
}

export interface SourceOptions {
  readonly spec: Spec;
  readonly bundle: string;
  /** An empty directory. */
  readonly empty: string;
  readonly cgroup: CgroupState | undefined;
}

/** Where the names lead at a restore. */
export function mountSources({ spec, bundle, empty, cgroup }: SourceOptions): ExternalMount[] {
  const trees = Object.values(cgroup?.directories ?? {}).map((path) => {
    const tree = cgroup?.version === 2 ? "cgroup" : (path.split("/")[4] ?? "");
    return { name: cgroupName(tree), path };
  });
  const devices = ["null", "zero", "full", "random", "urandom", "tty"].map((name) => `/dev/${name}`);
  const places = boundPlaces(spec).map(({ path, source }) => ({ name: path, path: source(bundle) }));
  const own = devices.map((path) => ({ name: path, path }));
  return [...places, ...own, ...trees, { name: emptyDirectory, path: empty }];
}

/** Makes what is mounted on, where the container's root has not got it: it may be another copy than at the checkpoint. */
export function makeMountPoints(rootfs: string, spec: Spec, bundle: string): void {
  using root = openDirectory(rootfs);
  const filled: string[] = [];
  for (const mount of spec.mounts ?? []) {
    const path = placeOf(mount);
    // What is mounted there has its own files.
    if (filled.some((place) => path.startsWith(`${place}/`))) continue;
    const isBind = parseOptions(mount).bind !== undefined;
    const isFile = isBind && (statat(undefined, sourcePath(mount, bundle)).mode & S_IFMT) !== S_IFDIR;
    makeInRoot(root, path, isFile);
    filled.push(path);
  }
}

function makeInRoot(root: Fd, path: string, isFile: boolean): void {
  const names = path.slice(1).split("/");
  for (const [index, name] of names.entries()) {
    const place = names.slice(0, index + 1).join("/");
    if (isThereInRoot(root, place)) continue;
    using parent = openInRoot(root, names.slice(0, index).join("/") || ".", O_PATH | O_DIRECTORY);
    if (isFile && index === names.length - 1)
      openat(parent, name, O_CREAT | O_EXCL | O_WRONLY, 0o644).close();
    else mkdirat(parent, name, 0o755);
  }
}

function isThereInRoot(root: Fd, path: string): boolean {
  try {
    openInRoot(root, path, O_PATH).close();
    return true;
  } catch (error) {
    if (!failedWith(error, "ENOENT")) throw error;
    return false;
  }
}

function placeOf({ destination }: Mount): string {
  return `/${destination.split("/").filter(Boolean).join("/")}`;
}

function boundPlaces({ mounts = [] }: Spec) {
  return mounts
    .filter((mount) => parseOptions(mount).bind !== undefined)
    .map((mount) => ({
      path: placeOf(mount),
      source: (bundle: string) => sourcePath(mount, bundle),
    }));
}
