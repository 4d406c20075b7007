/** Changes the limits of a container. */
import { CurruntError } from "../base/error.ts";
import { readStandardInput, tryReadSmallFile } from "../sys/small-file.ts";
import { cgroupOf } from "./container-cgroup.ts";
import { notRunning } from "./kill.ts";
import type { LinuxResources } from "./spec.ts";
import { processStatus, readState } from "./state.ts";
import type { StatePaths } from "./state-root.ts";
import { validateSpec } from "./validate.ts";

/** Sets what `resources` has; the rest stays, and all of it when one limit is refused. Device rules stay always. */
export async function updateContainer(paths: StatePaths, resources: LinuxResources): Promise<void> {
  const state = readState(paths);
  if (processStatus(paths, state) === "stopped") throw notRunning();
  const { devices: _, ...limits } = resources;
  await cgroupOf(state).update(limits);
}

/** The resources in the JSON file at `path`, or on standard input for "-". */
export function readResources(path: string): LinuxResources {
  const text = path === "-" ? readStandardInput() : tryReadSmallFile(path);
  if (text === undefined) throw new CurruntError("not-found", `read ${path}: no such file or directory`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new CurruntError("invalid", `read resources from ${JSON.stringify(path)}: it is no JSON`, {
      cause,
    });
  }
  return checkedResources(json);
}

/** Checks resources by the rules for config.json. */
export function checkedResources(json: unknown): LinuxResources {
  return validateSpec({ ociVersion: "1.3.0", linux: { resources: json } }).spec.linux?.resources ?? {};
}
