/**
 * What `start`, `state`, `kill` and `delete` come to for a container that nothing special is about, written down when it is
 * made: the executable's entry (`ffi/entry/settle.c`) then does it without starting a JavaScript engine, which would take
 * several times as long as the work. Whatever a brief does not say is for this side.
 */
import { writeSmallFile } from "../sys/small-file.ts";
import type { CgroupState } from "./cgroup/state.ts";
import { directoriesToRemove, directoryOfController, unifiedDirectory } from "./cgroup/state.ts";
import { sharesMounts } from "./on-demand.ts";
import type { Spec } from "./spec.ts";
import type { ContainerState, Status } from "./state.ts";
import { stateDocument } from "./state.ts";
import type { StatePaths } from "./state-root.ts";

/** In the order in which the entry reads their documents. */
const statuses: readonly Status[] = ["created", "running", "paused", "stopped"];

/** More than the entry reads. */
const maximumBytes = 16_000;

/** Writes the container's brief, when it can have one. It says what holds until the container is removed. */
export function writeBrief(paths: StatePaths, spec: Spec, state: ContainerState): void {
  if (!isPlain(spec, state)) return;
  const { pid, startTime, cgroup } = state;
  const documents = statuses.map((status) => `${JSON.stringify(stateDocument(state, status), null, 2)}\n`);
  const head = ["currunt-brief 1", String(pid), String(startTime), ...documents];
  const text = [
    ...head,
    ...freezersOf(cgroup),
    "",
    ...(cgroup === undefined ? [] : directoriesToRemove(cgroup)),
    "",
    "end",
  ]
    .map((field) => `${field}\0`)
    .join("");
  if (text.length < maximumBytes) writeSmallFile(paths.brief, text, 0o600);
}

/** Nothing but its init, its cgroups and its directory has to be thought of. */
function isPlain(spec: Spec, { cgroup, sharedPids }: ContainerState): boolean {
  const { process, hooks, linux } = spec;
  return (
    process !== undefined &&
    (hooks?.poststart ?? []).length + (hooks?.poststop ?? []).length === 0 &&
    linux?.intelRdt === undefined &&
    !sharesMounts(spec) &&
    sharedPids !== true &&
    cgroup?.unit === undefined
  );
}

/** The files that tell whether the container is paused. */
function freezersOf(cgroup: CgroupState | undefined): string[] {
  if (cgroup === undefined) return [];
  const unified = unifiedDirectory(cgroup);
  const legacy = directoryOfController(cgroup, "freezer");
  return [
    ...(unified === undefined ? [] : [`${unified}/cgroup.freeze`]),
    ...(legacy === undefined ? [] : [`${legacy}/freezer.state`]),
  ];
}
