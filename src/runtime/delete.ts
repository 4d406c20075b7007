/** Removes a container: what is left of it in the kernel, and its state. */
import { CurruntError } from "../base/error.ts";
import { tryRemoveDirectory } from "../sys/attempt.ts";
import { removeTree } from "../sys/directory.ts";
import { removeFile } from "../sys/file.ts";
import { isThere } from "../sys/stat.ts";
import { endContainer } from "./kill.ts";
import { leaveGroup, leaveRootPlace, runPoststopHooks } from "./on-demand.ts";
import { findSpec } from "./saved-spec.ts";
import type { Spec } from "./spec.ts";
import type { ContainerState } from "./state.ts";
import { doesNotExist, findState, isStateOf, statusOf } from "./state.ts";
import type { StatePaths } from "./state-root.ts";

const patienceMs = 10_000;

/**
 * Removes a stopped container; `force`: also one that is not stopped, and none is no error. Returns what went wrong in
 * poststop hooks, for a warning each.
 *
 * Without `force` a created container stays, as runtime.md has it, though runc and crun end it: engines force, or kill first.
 */
export async function deleteContainer(
  paths: StatePaths,
  { force }: { readonly force: boolean },
): Promise<string[]> {
  const state = findState(paths);
  if (state === undefined) {
    const broken = isThere(undefined, paths.directory);
    // A creation that was killed at its very start.
    if (broken) removeTree(undefined, paths.directory);
    if (!broken && !force) throw doesNotExist(paths);
    return [];
  }
  const status = await statusOf(paths, state);
  if (status !== "stopped" && !force) {
    throw new CurruntError("conflict", `cannot delete container ${state.id} that is not stopped: ${status}`, {
      hint: "-force ends it first",
    });
  }
  return await endAndRemove(state, paths, findSpec(paths));
}

/**
 * As `deleteContainer` with `force`, for who made the container and has seen its init end; another one may have its ID by now, which is
 * left alone.
 */
export async function deleteOwn(state: ContainerState, paths: StatePaths, spec: Spec): Promise<string[]> {
  if (!isStateOf(state, paths)) return [];
  // The end of init was that of its pid namespace.
  return await (state.sharedPids === true ? endAndRemove : remove)(state, paths, spec);
}

/** `spec` undefined: it is lost. */
async function endAndRemove(
  state: ContainerState,
  paths: StatePaths,
  spec: Spec | undefined,
): Promise<string[]> {
  if (!(await endContainer(state, patienceMs))) {
    throw new CurruntError("unavailable", `container ${state.id} does not end though it was killed`, {
      hint: "one of its processes may hang in the kernel, at a disk or a network filesystem",
    });
  }
  return await remove(state, paths, spec);
}

async function remove(state: ContainerState, paths: StatePaths, spec: Spec | undefined): Promise<string[]> {
  if (state.cgroup !== undefined) {
    const { openCgroup } = await import("./cgroup/cgroup.ts");
    await openCgroup(state.cgroup).remove();
  }
  if (spec !== undefined) await leaveGroup(state.id, spec);
  if (spec !== undefined) await leaveRootPlace(spec, paths);
  // Before the hooks, which may take long or look: there is no such container any more.
  removeDirectory(paths);
  return spec === undefined ? [] : await runPoststopHooks({ id: state.id, spec, bundle: state.bundle });
}

/** Most have these two files and nothing else. */
function removeDirectory({ directory, state, spec }: StatePaths): void {
  for (const path of [state, spec]) removeFile(path);
  if (tryRemoveDirectory(directory, ["ENOENT", "ENOTEMPTY"]) === "ENOTEMPTY")
    removeTree(undefined, directory);
}
