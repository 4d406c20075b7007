/** Overlay mounts that are attached nowhere, on kernels with and without the mount calls for them. */
import { MS_RDONLY, O_DIRECTORY, O_PATH, OVERLAYFS_SUPER_MAGIC, statfs } from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { cstring } from "../../ffi/memory.ts";
import { check, failedWith } from "./error.ts";
import type { Fd } from "./fd.ts";
import { openat, openInRoot } from "./file.ts";
import { attach, cloneTree, makeFilesystem } from "./mount.ts";
import { inPrivateMountNamespace } from "./mount-namespace.ts";

export interface OverlayOptions {
  /** Directories, top first. */
  readonly lowers: readonly string[];
  readonly upper?: { readonly directory: string; readonly work: string } | undefined;
  /** Further mount options: flags, and keys with their value. */
  readonly options: readonly (readonly [key: string, value?: string])[];
  readonly readonly: boolean;
}

/** Mounts an overlay detached. */
export function mountOverlay(options: OverlayOptions): Fd {
  try {
    return mountByLayer(options);
  } catch (error) {
    // Before Linux 6.8 overlayfs does not know "lowerdir+", and before 6.5 it says so when the mount is made only.
    if (!failedWith(error, "EINVAL")) throw error;
    try {
      return mountByString(options);
    } catch {
      // Then it was something else, and the newer interface has the better words.
      throw error;
    }
  }
}

/** fsconfig takes values of up to 255 bytes; in a path of overlayfs a backslash or colon has a meaning. */
function isPlain(path: string): boolean {
  return Buffer.byteLength(path) < 256 && !/[\\:,]/.test(path);
}

/** A layer at a time: no limit on the length of all paths together. */
function mountByLayer({ lowers, upper, options, readonly }: OverlayOptions): Fd {
  using held = new DisposableStack();
  const spell = (path: string) => {
    if (isPlain(path)) return path;
    const directory = held.use(openat(undefined, path, O_PATH | O_DIRECTORY));
    return `/proc/self/fd/${directory.number}`;
  };
  return makeFilesystem(
    "overlay",
    [
      ...lowers.map((path) => ["lowerdir+", spell(path)] as const),
      ...(upper === undefined
        ? []
        : ([
            ["upperdir", spell(upper.directory)],
            ["workdir", spell(upper.work)],
          ] as const)),
      ...options,
    ],
    readonly ? ["ro"] : [],
  );
}

/**
 * All layers in the one string of mount(2), of one page at most: as numbers of descriptors, relative to /proc/self/fd. The mount is made
 * in a mount namespace of this thread's own, which is left at once: a process that dies in between leaves nothing behind.
 */
export function mountByString({ lowers, upper, options, readonly }: OverlayOptions): Fd {
  return inPrivateMountNamespace(() => {
    using held = new DisposableStack();
    // Opened in here: overlayfs takes directories of the caller's own mount namespace only.
    const spell = (path: string) => held.use(openat(undefined, path, O_PATH | O_DIRECTORY)).number;
    const settings = [
      `lowerdir=${lowers.map(spell).join(":")}`,
      ...(upper === undefined ? [] : [`upperdir=${spell(upper.directory)}`, `workdir=${spell(upper.work)}`]),
      ...options.map(([key, value]) => (value === undefined ? key : `${key}=${value}`)),
    ].join(",");
    check(libc.chdir(cstring("/proc/thread-self/fd")), "chdir", "/proc/thread-self/fd");
    const overlay = cstring("overlay");
    const flags = readonly ? MS_RDONLY : 0;
    check(libc.mount(overlay, cstring(target), overlay, flags, cstring(settings)), "mount", "overlay");
    using undo = new DisposableStack();
    const tree = undo.use(cloneTree(target));
    assertOverlay(tree);
    undo.move();
    return tree;
  });
}

/**
 * Where the mount is made for the moment that it takes to get hold of it: a directory that every host has, and where this program needs
 * nothing meanwhile. Not a layer: over "/" a mount could not be reached, the name would still lead to the host's files.
 */
const target = "/proc";

/** A mistake here would hand the host's own files to a container, to write. */
function assertOverlay(tree: Fd): void {
  const status = new Uint8Array(statfs.size);
  check(libc.fstatfs(tree.number, status), "fstatfs", target);
  if (Number(statfs.unpack(status).f_type) !== OVERLAYFS_SUPER_MAGIC)
    throw new Error(`the mount on ${target} is no overlay`);
}

/** What belongs at a path, relative, of a tree of mounts. */
export interface MountAt {
  readonly path: string;
  readonly mount: Fd;
}

/** One detached tree of detached mounts: `root` with the others in their places, parents first. Links in the paths stay within `root`. */
export function assembleTree(root: Fd, mounts: readonly MountAt[]): Fd {
  return inPrivateMountNamespace(() => {
    attach(root, openat(undefined, target, O_PATH));
    using top = openat(undefined, target, O_PATH);
    for (const { path, mount } of mounts) attach(mount, openInRoot(top, path, O_PATH));
    return cloneTree(target, { recursive: true });
  });
}
