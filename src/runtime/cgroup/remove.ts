/** Removes a container's cgroups, those below included. */
import { wrap } from "../../base/error.ts";
import { tryRemoveDirectory } from "../../sys/attempt.ts";
import { SyscallError } from "../../sys/error.ts";
import { waitForEvent } from "./event.ts";
import { cgroupsBelow } from "./processes.ts";
import type { CgroupState } from "./state.ts";
import { directoriesToRemove, unifiedDirectory } from "./state.ts";

/** How long ended processes may keep a cgroup busy. */
const patienceMs = 2000;

/** Removes them all; one that is gone already is fine. Its processes must have ended, or be about to. */
export async function removeCgroups(state: CgroupState): Promise<void> {
  const unified = unifiedDirectory(state);
  for (const path of directoriesToRemove(state)) await removeTree(path, path === unified);
}

async function removeTree(path: string, tells: boolean): Promise<void> {
  if (tryRemoveDirectory(path, ["ENOENT", "EBUSY", "ENOTEMPTY"]) === undefined) return;
  const deadline = performance.now() + patienceMs;
  let pauseMs = 1;
  for (;;) {
    const busy = cgroupsBelow(path)
      .reverse()
      .filter((directory) => tryRemoveDirectory(directory, ["ENOENT", "EBUSY", "ENOTEMPTY"]) === "EBUSY");
    if (busy.length === 0) return;
    const left = deadline - performance.now();
    if (left <= 0) throw wrap(new SyscallError("unlinkat", 16, path), "remove the container's cgroup");
    if (tells && waitForEvent(path, (events) => events.get("populated") === "0", left)) continue;
    // Version 1 tells nobody when a cgroup becomes empty: ask again, less and less often.
    await Bun.sleep(Math.min(pauseMs, left));
    pauseMs *= 2;
  }
}
