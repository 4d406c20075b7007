/** Extended attributes with names and values as bytes, by descriptor and name, never through a link. */
import { libc } from "../../ffi/libc.ts";
import { check, failureOf } from "./error.ts";
import type { Fd } from "./fd.ts";
import type { Path } from "./file.ts";
import { checkPath, displayPath, encodePath } from "./file.ts";

/** XATTR_SIZE_MAX and XATTR_LIST_MAX of linux/limits.h. */
const maximumSizeBytes = 65536;

/** Sets an attribute of an open file or directory (not one opened with O_PATH). */
export function fsetxattr(file: Fd, name: Path, value: Uint8Array): void {
  const result = libc.fsetxattr(file.number, encodePath(name), nonEmpty(value), value.length, 0);
  checkPath(result, "fsetxattr", name);
}

/** Sets an attribute of `path` itself, whatever it is: a link, a device, a pipe. Needs /proc. */
export function setxattrat(directory: Fd, path: Path, name: Path, value: Uint8Array): void {
  const result = libc.lsetxattr(
    procPath(directory, path),
    encodePath(name),
    nonEmpty(value),
    value.length,
    0,
  );
  check(result, "lsetxattr", `${displayPath(path)} ${displayPath(name)}`);
}

/** The attribute's value, or undefined when it is not there or the file system has none. */
export function fgetxattr(file: Fd, name: Path): Buffer | undefined {
  const value = Buffer.allocUnsafeSlow(maximumSizeBytes);
  const length = libc.fgetxattr(file.number, encodePath(name), value, value.length);
  return absent(length, "fgetxattr", name) ? undefined : value.subarray(0, length);
}

/** The value of an attribute of `path` itself, or undefined when it is not there. Needs /proc. */
export function getxattrat(directory: Fd, path: Path, name: Path): Buffer | undefined {
  const value = Buffer.allocUnsafeSlow(maximumSizeBytes);
  const length = libc.lgetxattr(procPath(directory, path), encodePath(name), value, value.length);
  return absent(length, "lgetxattr", path) ? undefined : value.subarray(0, length);
}

/** What the kernel lists into; nobody waits between a listing and its reading. */
const names = Buffer.allocUnsafeSlow(maximumSizeBytes);

/** The names of all attributes of `path` itself. Needs /proc. */
export function listxattrat(directory: Fd, path: Path): Buffer[] {
  const length = libc.llistxattr(procPath(directory, path), names, names.length);
  return splitNames(absent(length, "llistxattr", path) ? 0 : length);
}

/** The names of all attributes of an open file or directory (not one opened with O_PATH). */
export function flistxattr(file: Fd): Buffer[] {
  const length = libc.flistxattr(file.number, names, names.length);
  return splitNames(absent(length, "flistxattr", "") ? 0 : length);
}

/** The names in the first `length` bytes of what was listed, as copies. */
function splitNames(length: number): Buffer[] {
  const result: Buffer[] = [];
  for (let start = 0; start < length; ) {
    const stop = names.indexOf(0, start);
    result.push(Buffer.from(names.subarray(start, stop)));
    start = stop + 1;
  }
  return result;
}

/** Removes an attribute of an open file; does nothing when it is not there. */
export function fremovexattr(file: Fd, name: Path): void {
  const result = libc.fremovexattr(file.number, encodePath(name));
  absent(result, "fremovexattr", name);
}

// There is no lsetxattr by descriptor before Linux 6.13. The magic link leads to the directory itself;
// only the last component is looked up, and that is not followed.
function procPath(directory: Fd, path: Path): Uint8Array {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${directory.number}/`), encodePath(path)]);
}

// bun:ffi cannot take the address of an array without bytes.
function nonEmpty(value: Uint8Array): Uint8Array {
  return value.length === 0 ? new Uint8Array(1) : value;
}

/** True when the attribute, or attributes altogether, are not there. */
function absent(result: number, operation: string, path: Path): boolean {
  const expected = ["ENODATA", "EOPNOTSUPP"] as const;
  return failureOf(result, { operation, subject: () => displayPath(path), expected }) !== undefined;
}
