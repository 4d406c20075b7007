/** The cgroup that a container's state tells of. */
import { CurruntError } from "../base/error.ts";
import type { Cgroup } from "./cgroup/cgroup.ts";
import { openCgroup } from "./cgroup/cgroup.ts";
import type { ContainerState } from "./state.ts";

/** Opens it; throws for a container that was made without one. */
export function cgroupOf({ id, cgroup }: ContainerState): Cgroup {
  if (cgroup !== undefined) return openCgroup(cgroup);
  throw new CurruntError("unsupported", `container ${id} has no cgroup`, {
    hint: "it was created with -cgroup-manager disabled, or where cgroups may not be changed",
  });
}

/** Process IDs of all processes, as the host counts them. */
export async function processesOf(state: ContainerState): Promise<number[]> {
  const { lacksCgroup, processesBeside } = await import("./beside.ts");
  return lacksCgroup(state) ? processesBeside(state.pid) : await cgroupOf(state).processes();
}
