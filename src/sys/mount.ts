/** Mounts by descriptor: make a filesystem, copy a tree, change it, put it in its place (`man 2 fsopen`, `open_tree`). */

import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  FSCONFIG_CMD_CREATE,
  FSCONFIG_SET_FLAG,
  FSCONFIG_SET_STRING,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MNT_DETACH,
  MOVE_MOUNT_F_EMPTY_PATH,
  MOVE_MOUNT_T_EMPTY_PATH,
  mount_attr,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
  UMOUNT_NOFOLLOW,
} from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { cstring } from "../../ffi/memory.ts";
import type { FilesystemOption, MountAttribute, Propagation } from "../../ffi/plan.ts";
import { attributeBits, clearedBits, propagations } from "../../ffi/plan.ts";
import { check, SyscallError } from "./error.ts";
import { Fd } from "./fd.ts";

/**
 * Makes a filesystem of `type` as a mount that is attached nowhere: closing the descriptor unmounts it.
 * A failure carries the kernel's own words where it gave any.
 */
export function makeFilesystem(
  type: string,
  options: readonly FilesystemOption[],
  attributes: readonly MountAttribute[] = [],
): Fd {
  using context = new Fd(check(libc.fsopen(cstring(type), FSOPEN_CLOEXEC), "fsopen", type));
  const configure = (command: number, key?: string, value?: string) => {
    const result = libc.fsconfig(
      context.number,
      command,
      key === undefined ? null : cstring(key),
      value === undefined ? null : cstring(value),
      0,
    );
    if (result === -1) throw withKernelLog(context, type, key, value);
  };
  for (const [key, value] of options) {
    configure(value === undefined ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, key, value);
  }
  configure(FSCONFIG_CMD_CREATE);
  const mounted = libc.fsmount(context.number, FSMOUNT_CLOEXEC, attributeBits(attributes));
  return new Fd(check(mounted, "fsmount", type));
}

/** The last failure of fsconfig; the context's log says more than errno does. */
function withKernelLog(context: Fd, type: string, key: string | undefined, value: string | undefined): Error {
  const about = key === undefined ? type : `${type}: ${key}${value === undefined ? "" : `=${value}`}`;
  // Read errno first: reading the log sets it anew.
  const failure = failureOf("fsconfig", about);
  const line = new Uint8Array(1024);
  const lines: string[] = [];
  for (;;) {
    const length = libc.read(context.number, line, line.length);
    if (length <= 0) break;
    // "e overlay: …": a level, then the text (Documentation/filesystems/mount_api.rst).
    lines.push(Buffer.from(line.subarray(2, length)).toString().trim());
  }
  return lines.length === 0
    ? failure
    : new SyscallError(failure.operation, failure.errno, `${about} (${lines.join("; ")})`);
}

function failureOf(operation: string, subject: string): SyscallError {
  try {
    check(-1, operation, subject);
  } catch (error) {
    if (error instanceof SyscallError) return error;
  }
  throw new Error("unreachable: check() throws on -1");
}

/** A copy of the mount at `path`, attached nowhere; with `recursive`, of all mounts below it too. */
export function cloneTree(path: string, options: { recursive?: boolean } = {}): Fd {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (options.recursive === true ? AT_RECURSIVE : 0);
  return new Fd(check(libc.open_tree(AT_FDCWD, cstring(path), flags), "open_tree", path));
}

/** What to change of a mount. */
export interface MountChange {
  readonly set?: readonly MountAttribute[];
  readonly clear?: readonly MountAttribute[];
  readonly propagation?: Propagation;
  readonly recursive?: boolean;
}

/** Changes attributes and propagation of a mount that is held by descriptor (`man 2 mount_setattr`, Linux 5.12). */
export function changeMount(tree: Fd, change: MountChange): void {
  const { set = [], clear = [], propagation, recursive = false } = change;
  const attributes = mount_attr.pack({
    attr_set: attributeBits(set),
    attr_clr: clearedBits(set, clear),
    propagation: propagation === undefined ? 0 : propagations[propagation],
  });
  const flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  check(libc.mount_setattr(tree.number, cstring(""), flags, attributes, mount_attr.size), "mount_setattr");
}

/** Unmounts all that is mounted at `path`, one over the other, with what is mounted below it; nothing need be there. */
export function unmountAll(path: string): void {
  while (libc.umount2(cstring(path), MNT_DETACH | UMOUNT_NOFOLLOW) === 0);
  // EINVAL: no mount point (any more).
  const failure = failureOf("umount2", path);
  if (failure.code !== "EINVAL" && failure.code !== "ENOENT") throw failure;
}

/** Attaches a detached mount on what `place` is, and closes that. */
export function attach(mount: Fd, place: Fd): void {
  using _open = place;
  const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  const none = cstring("");
  check(libc.move_mount(mount.number, none, place.number, none, flags), "move_mount");
}
