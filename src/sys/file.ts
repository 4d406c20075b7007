/** Files by directory descriptor and name: the at-calls, typed. Names may be bytes; none of the calls follows a link unless it says so. */
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_DIRECTORY,
  O_RDONLY,
  open_how,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
} from "../../ffi/kernel.ts";
import { errno, libc } from "../../ffi/libc.ts";
import { cstring } from "../../ffi/memory.ts";
import { CurruntError } from "../base/error.ts";
import { check, failedWith, SyscallError } from "./error.ts";
import { Fd } from "./fd.ts";

/** A path or name: text (sent as UTF-8), or the bytes themselves, which need not be valid UTF-8. */
export type Path = string | Uint8Array;

/** A point in time. `nanoseconds` is 0 to 999 999 999, also for times before 1970: -0.25 s is {-1, 750 000 000}. */
export interface Timestamp {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** `path` with its final NUL. Refuses a NUL inside. */
export function encodePath(path: Path): Uint8Array {
  if (typeof path === "string") return cstring(path);
  if (path.includes(0)) {
    throw new CurruntError("invalid", `cannot pass ${JSON.stringify(displayPath(path))}: it contains a NUL`);
  }
  const encoded = new Uint8Array(path.length + 1);
  encoded.set(path);
  return encoded;
}

/** `path` for a message: bytes that are not UTF-8 appear as U+FFFD. */
export function displayPath(path: Path): string {
  return typeof path === "string" ? path : Buffer.from(path).toString();
}

/** Like `check`, for a path, which becomes text only when there is something to tell. */
export function checkPath(result: number, operation: string, path: Path): number {
  if (result === -1) throw new SyscallError(operation, errno(), displayPath(path));
  return result;
}

/** The number that the at-calls take: undefined is the working directory. */
export function numberOf(directory: Fd | undefined): number {
  return directory?.number ?? AT_FDCWD;
}

/** Opens `path`, relative to `directory` (undefined: the working directory). Close-on-exec. Follows links unless O_NOFOLLOW. */
export function openat(directory: Fd | undefined, path: Path, flags: number, mode = 0): Fd {
  const fd = libc.openat(numberOf(directory), encodePath(path), flags | O_CLOEXEC, mode);
  return new Fd(checkPath(fd, "openat", path));
}

export interface OpenHow {
  readonly flags: number;
  readonly mode?: number;
  /** RESOLVE_* bits. */
  readonly resolve: number;
}

/** `man 2 openat2`: opens with rules for the resolution of every component. Retries while a rename races with it. */
export function openat2(directory: Fd | undefined, path: Path, { flags, mode = 0, resolve }: OpenHow): Fd {
  const how = open_how.pack({ flags: (flags | O_CLOEXEC) >>> 0, mode, resolve });
  const name = encodePath(path);
  for (let attempt = 0; ; attempt++) {
    const fd = libc.openat2(numberOf(directory), name, how, open_how.size);
    if (fd >= 0) return new Fd(fd);
    // EAGAIN: a concurrent rename or mount made ".." unsafe to decide. It passes (man 2 openat2).
    try {
      checkPath(fd, "openat2", path);
    } catch (error) {
      if (attempt >= 32 || !failedWith(error, "EAGAIN")) throw error;
    }
  }
}

/** Opens `path` as a process whose root is `root` would: absolute links and ".." stay inside; magic links are refused. */
export function openInRoot(root: Fd, path: Path, flags: number, mode = 0): Fd {
  return openat2(root, path, { flags, mode, resolve: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS });
}

/** Opens a directory by host path, for use as `directory` of the other calls. */
export function openDirectory(path: Path): Fd {
  return openat(undefined, path, O_RDONLY | O_DIRECTORY);
}

/** `man 2 mkdirat`. The umask applies. */
export function mkdirat(directory: Fd | undefined, path: Path, mode: number): void {
  checkPath(libc.mkdirat(numberOf(directory), encodePath(path), mode), "mkdirat", path);
}

/** `man 2 mknodat`: `mode` holds the type. The umask applies. */
export function mknodat(directory: Fd, path: Path, mode: number, major = 0, minor = 0): void {
  const device = encodeDevice(major, minor);
  checkPath(libc.mknodat(directory.number, encodePath(path), mode, device), "mknodat", path);
}

/** `dev_t` as glibc packs it (`man 3 makedev`): 12 bits of major, 20 of minor are what Linux has. */
export function encodeDevice(major: number, minor: number): number {
  if (major < 0 || minor < 0 || major > 0xfff || minor > 0xfffff) {
    throw new CurruntError(
      "invalid",
      `device number ${major}:${minor} is out of range: 4095:1048575 at most`,
    );
  }
  return (minor & 0xff) + (major << 8) + (minor >>> 8) * 0x100000;
}

/** `man 2 symlinkat`. */
export function symlinkat(target: Path, directory: Fd, path: Path): void {
  checkPath(libc.symlinkat(encodePath(target), directory.number, encodePath(path)), "symlinkat", path);
}

/** A second name for a file. A symbolic link is linked itself, not what it points to. */
export function linkat(oldDirectory: Fd, oldPath: Path, directory: Fd, path: Path): void {
  checkPath(
    libc.linkat(oldDirectory.number, encodePath(oldPath), directory.number, encodePath(path), 0),
    "linkat",
    path,
  );
}

/** Removes a name that is not a directory. */
export function unlinkat(directory: Fd | undefined, path: Path): void {
  checkPath(libc.unlinkat(numberOf(directory), encodePath(path), 0), "unlinkat", path);
}

/** Removes the file at `path`, should it be there. */
export function removeFile(path: Path): void {
  try {
    unlinkat(undefined, path);
  } catch (error) {
    if (!failedWith(error, "ENOENT")) throw error;
  }
}

/** Removes an empty directory. */
export function rmdirat(directory: Fd | undefined, path: Path): void {
  checkPath(libc.unlinkat(numberOf(directory), encodePath(path), AT_REMOVEDIR), "unlinkat", path);
}

/** `man 2 renameat`: replaces `path`. */
export function renameat(
  oldDirectory: Fd | undefined,
  oldPath: Path,
  directory: Fd | undefined,
  path: Path,
): void {
  const [from, to] = [encodePath(oldPath), encodePath(path)];
  check(
    libc.renameat(numberOf(oldDirectory), from, numberOf(directory), to),
    "renameat",
    `${displayPath(oldPath)} -> ${displayPath(path)}`,
  );
}

/** The target of a symbolic link, as bytes. */
export function readlinkat(directory: Fd | undefined, path: Path): Buffer {
  // A link's target is at most PATH_MAX bytes on every file system of Linux.
  const target = Buffer.alloc(4096);
  const length = libc.readlinkat(numberOf(directory), encodePath(path), target, target.length);
  return target.subarray(0, checkPath(length, "readlinkat", path));
}

/** Owner and group of `path` itself. */
export function fchownat(directory: Fd, path: Path, uid: number, gid: number): void {
  const result = libc.fchownat(directory.number, encodePath(path), uid, gid, AT_SYMLINK_NOFOLLOW);
  checkPath(result, "fchownat", path);
}

/** Owner and group of an open file. */
export function fchown(file: Fd, uid: number, gid: number): void {
  check(libc.fchown(file.number, uid, gid), "fchown");
}

/** Permission bits of an open file. */
export function fchmod(file: Fd, mode: number): void {
  check(libc.fchmod(file.number, mode), "fchmod");
}

/** Permission bits by name. Follows links: Linux cannot set the mode of one. */
export function fchmodat(directory: Fd | undefined, path: Path, mode: number): void {
  checkPath(libc.fchmodat(numberOf(directory), encodePath(path), mode, 0), "fchmodat", path);
}

const timespecs = new DataView(new ArrayBuffer(32));
const timespecBytes = new Uint8Array(timespecs.buffer);

function packTimes(accessed: Timestamp, modified: Timestamp): Uint8Array {
  packTime(0, accessed);
  packTime(16, modified);
  return timespecBytes;
}

// Two halves instead of a BigInt: this runs once a file of a layer.
function packTime(offset: number, { seconds, nanoseconds }: Timestamp): void {
  timespecs.setUint32(offset, seconds >>> 0, true);
  timespecs.setInt32(offset + 4, Math.floor(seconds / 0x1_0000_0000), true);
  timespecs.setUint32(offset + 8, nanoseconds, true);
}

/** Times of `path` itself, to the nanosecond; the file system clamps what it cannot hold. */
export function utimensat(directory: Fd, path: Path, accessed: Timestamp, modified: Timestamp): void {
  const times = packTimes(accessed, modified);
  const result = libc.utimensat(directory.number, encodePath(path), times, AT_SYMLINK_NOFOLLOW);
  checkPath(result, "utimensat", path);
}

/** Times of an open file. */
export function futimens(file: Fd, accessed: Timestamp, modified: Timestamp): void {
  check(libc.futimens(file.number, packTimes(accessed, modified)), "futimens");
}

/** Writes all of `bytes`, however many calls that takes. */
export function writeAll(file: Fd, bytes: Uint8Array): void {
  let rest = bytes;
  while (rest.length > 0) {
    const written = check(libc.write(file.number, rest, rest.length), "write");
    if (written === rest.length) return;
    rest = rest.subarray(written);
  }
}

/** Writes as much of `bytes` as the file takes now; returns the number of bytes. */
export function writeSome(file: Fd, bytes: Uint8Array): number {
  return check(libc.write(file.number, bytes, bytes.length), "write");
}

/** Writes all of `bytes` at `offset`. */
export function pwriteAll(file: Fd, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length; ) {
    const rest = bytes.subarray(done);
    done += check(libc.pwrite(file.number, rest, rest.length, offset + done), "pwrite");
  }
}

/** Reads into `buffer` from the position on; returns the number of bytes, 0 at the end. */
export function readSome(file: Fd, buffer: Uint8Array): number {
  return check(libc.read(file.number, buffer, buffer.length), "read");
}

/** Reads into `buffer` from `offset` on; returns the number of bytes, 0 at the end. The position stays. */
export function preadSome(file: Fd, buffer: Uint8Array, offset: number): number {
  return check(libc.pread(file.number, buffer, buffer.length, offset), "pread");
}

/** Sets the size: shorter cuts, longer leaves a hole. */
export function ftruncate(file: Fd, sizeBytes: number): void {
  check(libc.ftruncate(file.number, sizeBytes), "ftruncate");
}

/** Copies all of `from`, opened for reading at its start, to `to`: within the kernel where it can. */
export function copyData(from: Fd, to: Fd): void {
  const most = 1 << 30;
  for (;;) {
    const copied = libc.copy_file_range(from.number, null, to.number, null, most, 0);
    if (copied === 0) return;
    if (copied > 0) continue;
    try {
      check(copied, "copy_file_range");
    } catch (error) {
      // Not between these two file systems (man 2 copy_file_range).
      if (!failedWith(error, "EXDEV", "EINVAL", "EOPNOTSUPP", "ENOSYS")) throw error;
      break;
    }
  }
  const buffer = new Uint8Array(1 << 18);
  for (;;) {
    const length = check(libc.read(from.number, buffer, buffer.length), "read");
    if (length === 0) return;
    writeAll(to, buffer.subarray(0, length));
  }
}
