/** Reads text files of a container's root, which may be whatever their maker wanted them to be. */
import { O_NONBLOCK, O_RDONLY, S_IFMT, S_IFREG } from "../../ffi/kernel.ts";
import { CurruntError } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { openInRoot } from "../sys/file.ts";
import { readToEnd } from "../sys/small-file.ts";
import { statat } from "../sys/stat.ts";

const maximumBytes = 8 * 1024 * 1024;

/** The text of the regular file at `path` in `root`; empty when there is none. */
export function readInRoot(root: Fd, path: string): string {
  using file = openIfThere(root, path);
  if (file === undefined) return "";
  const { mode, sizeBytes } = statat(file, "");
  // Not blocked by a FIFO, not drowned by a device or a huge file.
  if ((mode & S_IFMT) !== S_IFREG || sizeBytes > maximumBytes) {
    throw new CurruntError("invalid", `read "${path}" of the container: not a regular file of at most 8 MiB`);
  }
  return readToEnd(file);
}

function openIfThere(root: Fd, path: string): Fd | undefined {
  try {
    return openInRoot(root, path, O_RDONLY | O_NONBLOCK);
  } catch (error) {
    if (failedWith(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}
