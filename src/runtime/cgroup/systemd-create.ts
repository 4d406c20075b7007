/** Makes a container's cgroup with systemd: the unit first, then what systemd leaves to us. */

import { SIGKILL } from "../../../ffi/kernel.ts";
import { finishCgroup, makeOptions } from "./cgroup-make.ts";
import { makeCgroups } from "./create.ts";
import { openCgroupDirectory, writeCgroupFile } from "./file.ts";
import { readHost } from "./host.ts";
import { killAll } from "./kill.ts";
import { parseUnit } from "./path.ts";
import type { CgroupOptions, CgroupState } from "./state.ts";
import { startUnit, stopUnit } from "./systemd.ts";
import { roundQuota } from "./systemd-property.ts";

/** Moves `pid` into a new unit and sets its limits. On failure the unit is gone again. */
export async function createUnit(options: CgroupOptions, pid: number): Promise<CgroupState> {
  const { id, spec, rootless = false } = options;
  const host = readHost();
  const unit = parseUnit(spec.linux?.cgroupsPath, id, rootless);
  const path = startUnit({ unit, id, pid, spec, version: host.version, user: rootless });
  const named = { unit: unit.name, ...(rootless ? { userUnit: true } : {}) };
  try {
    const made = makeCgroups(host, {
      ...makeOptions(options),
      directoryIn: (tree) => tree.mountPoint + path,
      tolerant: rootless,
      used: true,
    });
    const state = { ...made, ...named };
    enterAll(state, pid);
    const { resources } = spec.linux ?? {};
    await finishCgroup(state, options, resources === undefined ? {} : roundQuota(resources));
    return state;
  } catch (error) {
    const directories = Object.fromEntries(host.trees.map((tree) => [tree.name, tree.mountPoint + path]));
    await endUnit({ version: host.version, directories, ...named });
    throw error;
  }
}

/** On version 1 systemd moves the process in its own tree, and in those whose controllers it uses for the unit. */
function enterAll(state: CgroupState, pid: number): void {
  if (state.version === 2) return;
  for (const path of Object.values(state.directories)) {
    using directory = openCgroupDirectory(path);
    writeCgroupFile(directory, "cgroup.procs", String(pid));
  }
}

/** Ends what is in the unit, and the unit. */
export async function endUnit(state: CgroupState): Promise<void> {
  // Not left to systemd: it asks with SIGTERM, which the first process of a pid namespace does not hear, and waits.
  await killAll(state, SIGKILL);
  stopUnit(state);
}
