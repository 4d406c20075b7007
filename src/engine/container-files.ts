/** A container's files as its programs see them, with what is mounted in it: of a running one, and of one that does not run. */
import { O_DIRECTORY, O_PATH } from "../../ffi/kernel.ts";
import { CurruntError } from "../base/error.ts";
import { containerPaths } from "../base/paths.ts";
import type { Mount } from "../runtime/spec.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { openat, openInRoot } from "../sys/file.ts";
import { changeMount, cloneTree } from "../sys/mount.ts";
import type { MountAt } from "../sys/overlay.ts";
import { assembleTree } from "../sys/overlay.ts";
import type { Container } from "./container.ts";
import type { Context } from "./context.ts";
import { lowersOf } from "./prepare.ts";
import { lockAtRest } from "./rest.ts";
import { readRunState } from "./run-state.ts";

/** The root directory, as long as this is not disposed of. Paths in it are for `openInRoot`. */
export interface ContainerFiles extends Disposable {
  readonly root: Fd;
}

/** Opens them. A container that does not run is kept from being started or removed meanwhile. */
export async function openFiles({ roots }: Context, { record }: Container): Promise<ContainerFiles> {
  const paths = containerPaths(roots, record.id);
  using held = new DisposableStack();
  const state = readRunState(paths);
  if (state !== undefined) {
    const root = held.use(openat(undefined, `/proc/${state.pid}/root`, O_PATH | O_DIRECTORY));
    // Asked again now that the root is held: the pid may have changed hands in between.
    if (readRunState(paths)?.startTime === state.startTime) return ownedBy(held, root);
  }
  const lock = await lockAtRest(paths);
  if (lock === undefined) {
    throw new CurruntError("conflict", `container "${record.name}" is being started or removed`, {
      hint: "try again in a moment",
    });
  }
  held.use(lock);
  const { mountSnapshot } = await import("../image/snapshot.ts");
  const root = held.use(
    mountSnapshot({ lowers: lowersOf(roots, record), upper: paths.upper, work: paths.work }),
  );
  const mounts = (record.spec.mounts ?? []).flatMap((mount) => bindIn(root, mount, held) ?? []);
  return ownedBy(held, mounts.length === 0 ? root : held.use(assembleTree(root, mounts)));
}

function ownedBy(held: DisposableStack, root: Fd): ContainerFiles {
  const owned = held.move();
  return { root, [Symbol.dispose]: () => owned.dispose() };
}

/** What is bound into the container, where its place exists; other mounts are there only while it runs. */
function bindIn(
  root: Fd,
  { type, source, destination, options = [] }: Mount,
  held: DisposableStack,
): MountAt | undefined {
  const isBind = type === "bind" || options.includes("bind") || options.includes("rbind");
  if (!isBind || source === undefined) return undefined;
  try {
    openInRoot(root, destination, O_PATH).close();
    const mount = held.use(cloneTree(source));
    if (options.includes("ro")) changeMount(mount, { set: ["ro"] });
    return { path: destination, mount };
  } catch (error) {
    if (failedWith(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}
