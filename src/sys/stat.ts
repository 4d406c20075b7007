/** What a file is, by directory descriptor and name: type, owner, size, times to the nanosecond. */
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, statx } from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { failureOf } from "./error.ts";
import type { Fd } from "./fd.ts";
import type { Path, Timestamp } from "./file.ts";
import { checkPath, displayPath, encodePath, numberOf } from "./file.ts";

export interface Status {
  /** Type and permissions. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly links: number;
  readonly inode: bigint;
  /** "major:minor" of the file system. */
  readonly device: string;
  /** Of a device node. */
  readonly major: number;
  readonly minor: number;
  readonly accessed: Timestamp;
  readonly modified: Timestamp;
}

const statxView = new DataView(new ArrayBuffer(statx.size));
const statxBytes = new Uint8Array(statxView.buffer);

function readTime(offset: number): Timestamp {
  const seconds = statxView.getInt32(offset + 4, true) * 0x1_0000_0000 + statxView.getUint32(offset, true);
  return { seconds, nanoseconds: statxView.getUint32(offset + 8, true) };
}

/** `man 2 statx` of `path` itself; the empty path is `directory` itself (also one that is opened with O_PATH). */
export function statat(directory: Fd | undefined, path: Path): Status {
  checkPath(callStatx(directory, path), "statx", path);
  return readStatus();
}

function callStatx(directory: Fd | undefined, path: Path): number {
  const flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
  return libc.statx(numberOf(directory), encodePath(path), flags, STATX_BASIC_STATS, statxBytes);
}

function readStatus(): Status {
  // Field by field: unpacking the whole struct costs ten times as much, and unpacking a layer does this often.
  const { offsets } = statx;
  const u32 = (offset: number) => statxView.getUint32(offset, true);
  return {
    mode: statxView.getUint16(offsets.stx_mode, true),
    uid: u32(offsets.stx_uid),
    gid: u32(offsets.stx_gid),
    sizeBytes: Number(statxView.getBigUint64(offsets.stx_size, true)),
    links: u32(offsets.stx_nlink),
    inode: statxView.getBigUint64(offsets.stx_ino, true),
    device: `${u32(offsets.stx_dev_major)}:${u32(offsets.stx_dev_minor)}`,
    major: u32(offsets.stx_rdev_major),
    minor: u32(offsets.stx_rdev_minor),
    accessed: readTime(offsets.stx_atime),
    modified: readTime(offsets.stx_mtime),
  };
}

/** Like `statat`; undefined when nothing is there. */
export function lookup(directory: Fd | undefined, path: Path): Status | undefined {
  return isThere(directory, path) ? readStatus() : undefined;
}

/** Whether there is anything at `path`, a dangling link too. */
export function isThere(directory: Fd | undefined, path: Path): boolean {
  const expected = ["ENOENT", "ENOTDIR"] as const;
  const result = callStatx(directory, path);
  return failureOf(result, { operation: "statx", subject: () => displayPath(path), expected }) === undefined;
}
