/** Mounts by descriptor: make a filesystem, copy a tree, change it, put it in its place (`man 2 fsopen`, `open_tree`). */

import { libc } from "../../ffi/libc.ts";
import { cstring } from "../../ffi/memory.ts";
import { struct } from "../../ffi/struct.ts";
import { check, SyscallError } from "./error.ts";
import { Fd } from "./fd.ts";

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const UMOUNT_NOFOLLOW = 8;
const MNT_DETACH = 2;

/** `MOUNT_ATTR_*` of linux/mount.h, by the names that mount options have. */
const attributeBits = {
  ro: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  relatime: 0x0,
  noatime: 0x10,
  strictatime: 0x20,
  nodiratime: 0x80,
  nosymfollow: 0x200000,
} as const;
/** The field that the three access-time modes share. */
const MOUNT_ATTR__ATIME = 0x70;

export type MountAttribute = keyof typeof attributeBits;

const propagations = { unbindable: 1 << 17, private: 1 << 18, slave: 1 << 19, shared: 1 << 20 } as const;
export type Propagation = keyof typeof propagations;

const mount_attr = struct("mount_attr", {
  attr_set: "u64",
  attr_clr: "u64",
  propagation: "u64",
  userns_fd: "u64",
});

/** One option of a filesystem: a flag, or a key with its value. */
export type FilesystemOption = readonly [key: string, value?: string];

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
  const mounted = libc.fsmount(context.number, FSMOUNT_CLOEXEC, bitsOf(attributes));
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

/** Attaches a detached mount on `path`. */
export function attachMount(tree: Fd, path: string): void {
  const moved = libc.move_mount(tree.number, cstring(""), AT_FDCWD, cstring(path), MOVE_MOUNT_F_EMPTY_PATH);
  check(moved, "move_mount", path);
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
  const timed = set.some((name) => name.endsWith("atime") && name !== "nodiratime");
  const attributes = mount_attr.pack({
    attr_set: bitsOf(set),
    // The access-time modes are one field: setting one means clearing all of them.
    attr_clr: bitsOf(clear) | (timed ? MOUNT_ATTR__ATIME : 0),
    propagation: propagation === undefined ? 0 : propagations[propagation],
  });
  const flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  check(libc.mount_setattr(tree.number, cstring(""), flags, attributes, mount_attr.size), "mount_setattr");
}

/** Detaches the mount on `path`, busy or not, and all below it. Does not follow a symlink. */
export function unmount(path: string): void {
  check(libc.umount2(cstring(path), MNT_DETACH | UMOUNT_NOFOLLOW), "umount2", path);
}

function bitsOf(attributes: readonly MountAttribute[]): number {
  return attributes.reduce((bits, name) => bits | attributeBits[name], 0);
}
