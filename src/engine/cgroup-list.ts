/** `<run root>/<id>/cgroups`: the directories that a container's cgroup consists of, for whoever sees its end. */
import { tryRemoveDirectory } from "../sys/attempt.ts";
import { failedWith } from "../sys/error.ts";
import { readSmallFile, writeSmallFile } from "../sys/small-file.ts";

/** Written before they are made, so that none is left; its monitor reads it, too (`ffi/shim/monitor.c`). */
export function writeCgroupList(run: string, directories: readonly string[]): void {
  writeSmallFile(`${run}/cgroups`, directories.map((path) => `${path}\0`).join(""), 0o600);
}

/** Removes those of a container that has ended; `run` is its run directory. */
export function removeCgroups(run: string): void {
  let text: string;
  try {
    text = readSmallFile(`${run}/cgroups`);
  } catch (error) {
    if (failedWith(error, "ENOENT")) return;
    throw error;
  }
  for (const path of text.split("\0").filter((path) => path !== "")) {
    tryRemoveDirectory(path, ["ENOENT", "EBUSY", "ENOTEMPTY"]);
  }
}
