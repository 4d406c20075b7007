/** A container's files as they are: what it sees, what it changed, what it began with; whether it runs or not. */
import {
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  S_IFDIR,
  S_IFMT,
} from "../../ffi/kernel.ts";
import { CurruntError } from "../base/error.ts";
import { containerPaths } from "../base/paths.ts";
import type { ByteString } from "../image/tar-header.ts";
import { readDirectory } from "../sys/directory.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { openat2, openDirectory } from "../sys/file.ts";
import { changeMount } from "../sys/mount.ts";
import { cloneRootOf } from "../sys/mount-namespace.ts";
import type { Status } from "../sys/stat.ts";
import { statat } from "../sys/stat.ts";
import type { Container } from "./container.ts";
import type { Context } from "./context.ts";
import { lowersOf } from "./prepare.ts";
import { lockAtRest } from "./rest.ts";
import { openInit } from "./signal.ts";

/** Directories, open for reading, as long as this is not disposed of. */
export interface ContainerView extends Disposable {
  /** The root as the container sees it, without what is mounted in it. On a mount of its own, without devices. */
  readonly now: Fd;
  /** The upper directory of its overlay. */
  readonly upper: Fd;
  /** What its layers alone show. */
  readonly before: Fd;
  /** Paths of what only serves to mount something on, made by us. */
  readonly mountPoints: ReadonlySet<ByteString>;
}

/** Opens the files of a container. One that does not run is kept from being started or removed meanwhile. */
export async function openView({ roots }: Context, { record }: Container): Promise<ContainerView> {
  const paths = containerPaths(roots, record.id);
  const { mountSnapshot } = await import("../image/snapshot.ts");
  using held = new DisposableStack();
  const root = held.use(await openRoot());
  changeMount(root, { set: ["ro", "nodev", "nosuid", "noexec"] });
  const now = held.use(openDirectory(`/proc/self/fd/${root.number}/.`));
  const upper = held.use(openDirectory(paths.upper));
  const original = held.use(mountSnapshot({ lowers: lowersOf(roots, record) }));
  const before = held.use(openDirectory(`/proc/self/fd/${original.number}/.`));
  const destinations = record.spec.mounts?.map(({ destination }) => destination) ?? [];
  const mountPoints = findMountPoints(destinations, now, before);
  const owned = held.move();
  return { now, upper, before, mountPoints, [Symbol.dispose]: () => owned.dispose() };

  async function openRoot(): Promise<Fd> {
    using init = openInit(paths);
    if (init !== undefined) return cloneRootOf(init);
    const lock = await lockAtRest(paths);
    if (lock === undefined) {
      throw new CurruntError(
        "conflict",
        `open the files of container "${record.name}": it is being started or removed`,
        {
          hint: "try again in a moment",
        },
      );
    }
    held.use(lock);
    return mountSnapshot({ lowers: lowersOf(roots, record), upper: paths.upper, work: paths.work });
  }
}

/**
 * Of the places where something is mounted those that are empty and were not there before, and the directories that were made for their
 * sake alone: they are no change that somebody made.
 */
function findMountPoints(destinations: readonly string[], now: Fd, before: Fd): Set<ByteString> {
  const found = new Set<ByteString>();
  const isOurs = (path: ByteString) => {
    const status = statusAt(now, path);
    if (status === undefined || statusAt(before, path) !== undefined) return false;
    return (status.mode & S_IFMT) === S_IFDIR ? hasOnly(now, path, found) : status.sizeBytes === 0;
  };
  // Deepest first: a mount may lie in another.
  for (const destination of [...destinations].sort((a, b) => b.length - a.length)) {
    const names = Buffer.from(destination)
      .toString("latin1")
      .split("/")
      .filter((name) => name !== "");
    for (; names.length > 0 && isOurs(names.join("/")); names.pop()) found.add(names.join("/"));
  }
  return found;
}

/** Whether all that is in a directory is among `paths`. */
function hasOnly(root: Fd, path: ByteString, paths: ReadonlySet<ByteString>): boolean {
  using directory = openBeneath(root, path, O_RDONLY | O_DIRECTORY);
  if (directory === undefined) return false;
  return readDirectory(directory).every(({ name }) => paths.has(`${path}/${name.toString("latin1")}`));
}

function statusAt(root: Fd, path: ByteString): Status | undefined {
  using file = openBeneath(root, path, O_PATH);
  return file === undefined ? undefined : statat(file, "");
}

function openBeneath(root: Fd, path: ByteString, flags: number): Fd | undefined {
  try {
    return openat2(root, Buffer.from(path, "latin1"), {
      flags,
      resolve: RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    });
  } catch (error) {
    if (failedWith(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
}
