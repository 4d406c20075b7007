/** The files of a cgroup: short texts, read and written whole by directory descriptor and name. */
import { O_DIRECTORY, O_PATH, O_RDONLY, O_WRONLY } from "../../../ffi/kernel.ts";
import { tryMakeDirectory, tryOpen, tryWrite } from "../../sys/attempt.ts";
import type { ErrnoName } from "../../sys/error.ts";
import { failedWith } from "../../sys/error.ts";
import type { Fd } from "../../sys/fd.ts";
import { openat, writeAll } from "../../sys/file.ts";
import { readFromStart, readToEnd } from "../../sys/small-file.ts";

/** Opens the cgroup at `path` as a place: files are opened from it, and processes cloned into it. */
export function openCgroupDirectory(path: string): Fd {
  return openat(undefined, path, O_PATH | O_DIRECTORY);
}

/** The same; undefined when there is none. */
export function tryOpenCgroup(path: string): Fd | undefined {
  const fd = tryOpen(undefined, path, O_PATH | O_DIRECTORY, ["ENOENT"]);
  return typeof fd === "string" ? undefined : fd;
}

/** Writes `text` in one call, as the kernel wants it. */
export function writeCgroupFile(directory: Fd, name: string, text: string): void {
  using file = openat(directory, name, O_WRONLY);
  writeAll(file, Buffer.from(text));
}

/** The same; returns the name of a failure that is expected. */
export function tryWriteCgroupFile(
  directory: Fd,
  name: string,
  text: string,
  expected: readonly ErrnoName[],
): ErrnoName | undefined {
  const opened = tryOpen(directory, name, O_WRONLY, expected);
  if (typeof opened === "string") return opened;
  using file = opened;
  return tryWrite(file, Buffer.from(text), { subject: name, expected });
}

/** The text of a file, without its last newline. */
export function readCgroupFile(directory: Fd, name: string): string {
  using file = openat(directory, name, O_RDONLY);
  return readToEnd(file).trimEnd();
}

/** The same; undefined when the kernel or the cgroup has no such file, or cannot answer. */
export function tryReadCgroupFile(directory: Fd, name: string): string | undefined {
  const opened = tryOpen(directory, name, O_RDONLY, ["ENOENT", "EOPNOTSUPP"]);
  if (typeof opened === "string") return undefined;
  using file = opened;
  try {
    return readToEnd(file).trimEnd();
  } catch (error) {
    // A controller that is compiled out in part: pressure files without PSI, files of devices that are gone.
    if (failedWith(error, "EOPNOTSUPP", "ENODEV")) return undefined;
    throw error;
  }
}

/** The lines "key value" of a file as a table; empty when there is no such file. */
export function readTable(directory: Fd, name: string): Map<string, string> {
  const lines = (tryReadCgroupFile(directory, name) ?? "").split("\n");
  return new Map(
    lines.flatMap((line): [string, string][] => {
      const space = line.indexOf(" ");
      return space === -1 ? [] : [[line.slice(0, space), line.slice(space + 1)]];
    }),
  );
}

/** Makes the cgroup at absolute `path` with what is missing above, below `mountPoint`; false when it was there. */
export function makeCgroup(mountPoint: string, path: string): boolean {
  const failure = tryMakeDirectory(path, 0o755, ["EEXIST", "ENOENT"]);
  if (failure !== "ENOENT") return failure === undefined;
  const start = mountPoint.length + 1;
  for (let end = path.indexOf("/", start); end !== -1; end = path.indexOf("/", end + 1)) {
    tryMakeDirectory(path.slice(0, end), 0o755, ["EEXIST"]);
  }
  return tryMakeDirectory(path, 0o755, ["EEXIST"]) === undefined;
}

/** The text of an open file as it is now; undefined when its cgroup has been removed. */
export function readAgain(file: Fd): string | undefined {
  try {
    return readFromStart(file).trimEnd();
  } catch (error) {
    if (failedWith(error, "ENODEV")) return undefined;
    throw error;
  }
}
