/** Files that appear whole or not at all, also when the process is killed in the middle. */
import { dirname } from "node:path";
import { AT_FDCWD, AT_SYMLINK_FOLLOW, O_TMPFILE, O_WRONLY } from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { failedWith } from "./error.ts";
import type { Fd } from "./fd.ts";
import { checkPath, encodePath, openat, writeAll } from "./file.ts";

/**
 * Makes the file at `path` with these bytes; a file that is there already is left. Not synced: a power cut may leave it empty.
 * False when the file system has no files without a name (`man 2 open`, O_TMPFILE), and nothing was done.
 */
export function placeNewFile(path: string, bytes: Uint8Array, mode: number): boolean {
  using file = openNameless(dirname(path), mode);
  if (file === undefined) return false;
  writeAll(file, bytes);
  const name = encodePath(`/proc/self/fd/${file.number}`);
  try {
    checkPath(libc.linkat(AT_FDCWD, name, AT_FDCWD, encodePath(path), AT_SYMLINK_FOLLOW), "linkat", path);
  } catch (error) {
    if (!failedWith(error, "EEXIST")) throw error;
  }
  return true;
}

function openNameless(directory: string, mode: number): Fd | undefined {
  try {
    return openat(undefined, directory, O_TMPFILE | O_WRONLY, mode);
  } catch (error) {
    // Old kernels take it for a directory that is opened for writing.
    if (failedWith(error, "EOPNOTSUPP", "EISDIR", "ENOENT")) return undefined;
    throw error;
  }
}
