/** Makes a stored container ready to run: mounts its root, finds its user, completes its spec. */
import { join } from "node:path";
import { S_IFMT, S_IFREG } from "../../ffi/kernel.ts";
import { wrap } from "../base/error.ts";
import type { Roots } from "../base/paths.ts";
import { containerPaths, dataPaths } from "../base/paths.ts";
import type { HostSnapshot } from "../image/host-snapshot.ts";
import type { Spec } from "../runtime/spec.ts";
import type { Fd } from "../sys/fd.ts";
import { statat } from "../sys/stat.ts";
import type { WindowSize } from "../sys/terminal.ts";
import type { ContainerRecord } from "./container.ts";
import { readInRoot } from "./root-file.ts";
import type { RootRequest } from "./start-request.ts";
import { resolveUser } from "./user.ts";

/** A root and the spec of what runs in it. */
export interface Prepared {
  /** Detached mount of the root file system. */
  readonly root: Fd;
  readonly spec: Spec;
  /** The default seccomp profile is meant, which the spec does not spell out. */
  readonly defaultSeccomp: boolean;
}

/** Mounts the root and completes the spec; on failure nothing stays mounted. */
export async function prepare(request: RootRequest): Promise<Prepared> {
  const { record } = request;
  using undo = new DisposableStack();
  const root = undo.use(await mountRoot(request));
  if (record.anonymousVolumes.length > 0) {
    const { fillVolumes } = await import("./volume.ts");
    fillVolumes(request.roots, record, root);
  }
  const spec = completeSpec(root, record, request.size);
  undo.move();
  return { root, spec, defaultSeccomp: record.seccomp === "default" };
}

async function mountRoot({ roots, record, images, onWarning }: RootRequest): Promise<Fd> {
  const { directory, upper, work } = containerPaths(roots, record.id);
  // What -rm throws away need not reach the disk.
  const changes = { upper, work, volatile: record.remove };
  try {
    if (record.rootfs !== undefined) {
      const { mountHostSnapshot } = await import("../image/host-snapshot.ts");
      const mounts = join(directory, "mounts");
      const { root, limits } = mountHostSnapshot({ directory: record.rootfs, mounts, ...changes });
      if (onWarning !== undefined) for (const limit of limits) tellLimit(record, limit, onWarning);
      return root;
    }
    const { mountSnapshot } = await import("../image/snapshot.ts");
    const lowers = lowersOf(roots, record);
    if (images !== undefined && lowers.some(isImage)) {
      const { takeMounts } = await import("./shared-layers.ts");
      takeMounts(roots, lowers, images);
    }
    return mountSnapshot({ lowers, images, ...changes });
  } catch (error) {
    throw wrap(error, "mount the root file system");
  }
}

function isImage(path: string): boolean {
  return (statat(undefined, path).mode & S_IFMT) === S_IFREG;
}

/** Tells what of the host is not as the user may expect, unless the container has something else at the place. */
function tellLimit(
  { rootfs = "/", spec }: ContainerRecord,
  { path, readable, reason }: HostSnapshot["limits"][number],
  onWarning: (message: string) => void,
): void {
  const covers = (destination: string) => `/${path}/`.startsWith(`${destination}/`);
  if (spec.mounts?.some(({ destination }) => covers(destination)) === true) return;
  onWarning(`${join(rootfs, path)} is ${readable ? "read-only" : "left out"} in the container: ${reason}`);
}

/** The directories below the container's own, top first. */
export function lowersOf(roots: Roots, { rootfs, layers }: ContainerRecord): string[] {
  if (rootfs !== undefined) return [rootfs];
  return layers.map((id) => `${dataPaths(roots).layers}/${hexOf(id)}`).reverse();
}

function hexOf(digest: string): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** The spec with what only the root can tell: the user, its capabilities, HOME; and a seccomp profile of the container's own. */
export function completeSpec(root: Fd, record: ContainerRecord, size?: WindowSize): Spec {
  const { spec, seccomp, interactive } = record;
  const user = resolveUser(record.user, readInRoot(root, "/etc/passwd"), readInRoot(root, "/etc/group"));
  const { process, linux } = spec;
  if (process === undefined) throw new Error("a stored spec always has a process");
  const { uid, gid, additionalGids } = user;
  const bounding = process.capabilities?.bounding ?? [];
  const env = process.env ?? [];
  return {
    ...spec,
    process: {
      ...process,
      user: { uid, gid, additionalGids },
      env: env.some((entry) => entry.startsWith("HOME=")) ? env : [...env, `HOME=${user.home}`],
      // As execve(2) would have it: only root has capabilities in effect.
      capabilities: uid === 0 ? { bounding, effective: bounding, permitted: bounding } : { bounding },
      ...(size === undefined || !process.terminal || !interactive
        ? {}
        : { consoleSize: { height: size.rows, width: size.columns } }),
    },
    linux: { ...linux, ...ownSeccomp(seccomp) },
  };
}

/** The part of the spec that a stored choice of seccomp profile stands for. */
export function ownSeccomp(seccomp: ContainerRecord["seccomp"]): Pick<NonNullable<Spec["linux"]>, "seccomp"> {
  return typeof seccomp === "string" ? {} : { seccomp };
}
