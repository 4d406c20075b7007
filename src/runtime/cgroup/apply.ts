/** Writes `linux.resources` to a container's cgroups, each setting to the tree that has its controller. */
import { O_WRONLY } from "../../../ffi/kernel.ts";
import { CurruntError, wrap } from "../../base/error.ts";
import { failedWith } from "../../sys/error.ts";
import { openat, openDirectory, writeAll } from "../../sys/file.ts";
import type { LinuxDeviceCgroup, LinuxResources } from "../spec.ts";
import { allowsEverything, defaultRules, deviceLines, rulesOf } from "./device-rule.ts";
import { openCgroupDirectory, tryReadCgroupFile } from "./file.ts";
import { unifiedMountPoint } from "./host.ts";
import type { CgroupState } from "./state.ts";
import { directoryOfController, unifiedDirectory } from "./state.ts";
import type { Write } from "./write.ts";
import { writeAllSettings } from "./write.ts";

/** Settings of one cgroup directory. */
export interface PlacedWrites {
  readonly path: string;
  readonly writes: readonly Write[];
}

/** Writes all settings but those of devices; each file's error tells the field that asked for it. */
export async function applySettings(state: CgroupState, resources: LinuxResources): Promise<void> {
  // A default container has none: nothing needs to be loaded.
  const { devices: _, ...others } = resources;
  if (Object.keys(others).length === 0) return;
  for (const { path, writes } of await placeSettings(state, resources)) {
    using directory = openCgroupDirectory(path);
    writeAllSettings(directory, writes);
  }
}

/** The settings by the directory that has their controller; refuses those that no tree of the container's has. */
export async function placeSettings(state: CgroupState, resources: LinuxResources): Promise<PlacedWrites[]> {
  if (state.version === 2) {
    const { settingsV2 } = await import("./settings-v2.ts");
    return placeUnified(state, settingsV2(resources));
  }
  if (Object.keys(resources.unified ?? {}).length > 0) {
    throw new CurruntError("invalid", "linux.resources.unified: this host has cgroup v1");
  }
  const { settingsV1 } = await import("./settings-v1.ts");
  const writes = settingsV1(resources);
  const homeless = writes.filter(({ controller }) => directoryOfController(state, controller) === undefined);
  const placed = [...new Set(writes.map((write) => write.controller))].flatMap((controller) => {
    const path = directoryOfController(state, controller);
    const own = writes.filter((write) => write.controller === controller);
    return path === undefined ? [] : [{ path, writes: own }];
  });
  return homeless.length === 0 ? placed : [...placed, ...(await placeHybrid(state, resources, homeless))];
}

/** On a host with both versions a controller is in either tree: what version 1 has not got may be in the unified one. */
async function placeHybrid(
  state: CgroupState,
  { network: _, ...resources }: LinuxResources,
  homeless: readonly Write[],
): Promise<PlacedWrites[]> {
  const path = unifiedDirectory(state);
  const wanted = new Set(homeless.map(({ controller }) => controller));
  const [first] = homeless;
  if (path === undefined) throw absent(first);
  const { enableControllers } = await import("./controllers.ts");
  const there = enableControllers(unifiedMountPoint(state.version), path, wanted);
  const missing = homeless.find(({ controller }) => !there.has(controller));
  if (missing !== undefined) throw absent(missing);
  const { settingsV2 } = await import("./settings-v2.ts");
  const others = Object.entries(resources).filter(([field]) =>
    homeless.some((write) => write.field.startsWith(field)),
  );
  return [
    { path, writes: settingsV2(Object.fromEntries(others)).filter((write) => wanted.has(write.controller)) },
  ];
}

function placeUnified(state: CgroupState, writes: readonly Write[]): PlacedWrites[] {
  const [first] = writes;
  if (first === undefined) return [];
  const path = unifiedDirectory(state);
  if (path === undefined) throw absent(first);
  using directory = openCgroupDirectory(path);
  const there = new Set((tryReadCgroupFile(directory, "cgroup.controllers") ?? "").split(" "));
  const missing = writes.find(({ controller }) => controller !== "cgroup" && !there.has(controller));
  if (missing !== undefined) throw absent(missing);
  return [{ path, writes }];
}

function absent(
  { controller, field }: Pick<Write, "controller" | "field"> = { controller: "?", field: "?" },
): CurruntError {
  return new CurruntError(
    "unsupported",
    `linux.resources.${field}: the container's cgroup has no controller "${controller}"`,
    {
      hint: "the host's kernel was built or started without it, or it is not handed down to the container's cgroup",
    },
  );
}

/** Writes the device rules of version 1; false when the container has no cgroup for them. */
export function applyDeviceLines(
  state: CgroupState,
  lines: readonly { readonly file: string; readonly data: string }[],
): boolean {
  const path = directoryOfController(state, "devices");
  if (path === undefined) return false;
  using directory = openCgroupDirectory(path);
  using allow = openat(directory, "devices.allow", O_WRONLY);
  using deny = openat(directory, "devices.deny", O_WRONLY);
  // The kernel takes one rule a call.
  for (const { file, data } of lines) writeAll(file === "devices.allow" ? allow : deny, Buffer.from(data));
  return true;
}

/** Sets who may use which devices. Without rights it is left out: containers of users cannot make nodes anyway. */
export async function applyDevices(
  state: CgroupState,
  devices: readonly LinuxDeviceCgroup[],
  rootless: boolean,
): Promise<void> {
  const path = unifiedDirectory(state);
  try {
    if (state.version === 1) applyDeviceLines(state, deviceLines(devices));
    else if (path !== undefined) {
      const [{ deviceProgram }, { loadDeviceProgram, setDeviceProgram }] = await Promise.all([
        import("./device-program.ts"),
        import("../../sys/bpf.ts"),
      ]);
      using program = loadDeviceProgram(deviceProgram([...rulesOf(devices), ...defaultRules]));
      using directory = openDirectory(path);
      setDeviceProgram(directory, program);
    }
  } catch (error) {
    const needless = rootless || allowsEverything(devices);
    if (!needless || !failedWith(error, "EPERM", "EACCES", "EINVAL", "ENOSYS")) {
      throw wrap(error, "set the device rules of the container's cgroup");
    }
  }
}
