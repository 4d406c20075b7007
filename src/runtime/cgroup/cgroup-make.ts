/** What both drivers do to a new cgroup: how it is made, and its limits, devices and owner. */
import type { LinuxResources } from "../spec.ts";
import { applyDevices, applySettings } from "./apply.ts";
import type { MakeOptions } from "./create.ts";
import type { CgroupOptions, CgroupState } from "./state.ts";

/** Options of `makeCgroups` that come from the spec. */
export function makeOptions({ spec }: CgroupOptions): Pick<MakeOptions, "fill" | "needsDomain"> {
  const { cpu, memory, blockIO, hugepageLimits, rdma } = spec.linux?.resources ?? {};
  const needsDomain = [memory, blockIO, hugepageLimits, rdma].some((part) => part !== undefined);
  return { fill: { cpus: !cpu?.cpus, mems: !cpu?.mems }, needsDomain };
}

/** Sets limits and device rules, and gives the cgroup to the container's user where the container manages it itself. */
export async function finishCgroup(
  state: CgroupState,
  { spec, rootless = false }: CgroupOptions,
  resources: LinuxResources,
): Promise<void> {
  await applySettings(state, resources);
  await applyDevices(state, resources.devices ?? [], rootless);
  if (state.version !== 2) return;
  const { delegatedTo, delegate } = await import("./delegate.ts");
  const owner = delegatedTo(spec);
  if (owner !== undefined) delegate(state, owner);
}
