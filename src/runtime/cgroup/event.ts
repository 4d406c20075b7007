/** Waits for changes that a cgroup of version 2 announces in its `cgroup.events`. */
import { O_RDONLY } from "../../../ffi/kernel.ts";
import { tryOpen } from "../../sys/attempt.ts";
import { waitForChange } from "../../sys/change.ts";
import { readAgain } from "./file.ts";

/** Blocks until the lines of `cgroup.events` are as `holds` wants them; false when they are not after `timeoutMs`, or the cgroup is gone. */
export function waitForEvent(
  path: string,
  holds: (events: ReadonlyMap<string, string>) => boolean,
  timeoutMs: number,
): boolean {
  const opened = tryOpen(undefined, `${path}/cgroup.events`, O_RDONLY, ["ENOENT"]);
  if (typeof opened === "string") return false;
  using file = opened;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    // Read first: what changes between the two calls ends the wait (Linux, fs/kernfs/file.c, kernfs_generic_poll).
    const lines = readAgain(file)?.split("\n");
    if (lines === undefined) return false;
    if (
      holds(
        new Map(lines.map((line): [string, string] => [line.split(" ")[0] ?? "", line.split(" ")[1] ?? ""])),
      )
    ) {
      return true;
    }
    const left = Math.ceil(deadline - performance.now());
    if (left <= 0 || !waitForChange(file, left)) return false;
  }
}
