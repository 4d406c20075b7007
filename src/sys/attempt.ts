/** Calls on files of which some failures are expected: those come back by name and cost no exception. */
import { AT_FDCWD, AT_REMOVEDIR, O_CLOEXEC } from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import type { ErrnoName } from "./error.ts";
import { failureOf } from "./error.ts";
import { Fd } from "./fd.ts";
import type { Path } from "./file.ts";
import { displayPath, encodePath, numberOf } from "./file.ts";

/** `openat`, or the name of an expected failure. */
export function tryOpen(
  directory: Fd | undefined,
  path: Path,
  flags: number,
  expected: readonly ErrnoName[],
): Fd | ErrnoName {
  const fd = libc.openat(numberOf(directory), encodePath(path), flags | O_CLOEXEC, 0);
  const subject = () => displayPath(path);
  return failureOf(fd, { operation: "openat", subject, expected }) ?? new Fd(fd);
}

/** Makes the directory at absolute `path`; the umask applies. */
export function tryMakeDirectory(
  path: Path,
  mode: number,
  expected: readonly ErrnoName[],
): ErrnoName | undefined {
  const result = libc.mkdirat(AT_FDCWD, encodePath(path), mode);
  return failureOf(result, { operation: "mkdirat", subject: () => displayPath(path), expected });
}

/** Removes the empty directory at absolute `path`. */
export function tryRemoveDirectory(path: Path, expected: readonly ErrnoName[]): ErrnoName | undefined {
  const result = libc.unlinkat(AT_FDCWD, encodePath(path), AT_REMOVEDIR);
  return failureOf(result, { operation: "unlinkat", subject: () => displayPath(path), expected });
}

/** Writes `bytes` in one call, for files that take a text as a whole. */
export function tryWrite(
  file: Fd,
  bytes: Uint8Array,
  { subject, expected }: { readonly subject: string; readonly expected: readonly ErrnoName[] },
): ErrnoName | undefined {
  const result = libc.write(file.number, bytes, bytes.length);
  return failureOf(result, { operation: "write", subject: () => subject, expected });
}
