/** Processes of a container that the kernel killed for want of memory. */
import { readTable, tryOpenCgroup } from "./file.ts";
import type { CgroupState } from "./state.ts";
import { directoryOfController, unifiedDirectory } from "./state.ts";

/** How many; 0 when nobody counts them. */
export function readOomKills(state: CgroupState): number {
  const legacy = directoryOfController(state, "memory");
  const path = legacy ?? unifiedDirectory(state);
  using directory = path === undefined ? undefined : tryOpenCgroup(path);
  if (directory === undefined) return 0;
  const table = readTable(directory, legacy === undefined ? "memory.events" : "memory.oom_control");
  return Number(table.get("oom_kill") ?? 0);
}
