/** Stops all processes of a container, and lets them go on. */
import { CurruntError } from "../../base/error.ts";
import { waitForEvent } from "./event.ts";
import { tryOpenCgroup, tryReadCgroupFile, writeCgroupFile } from "./file.ts";
import type { CgroupState } from "./state.ts";
import { directoryOfController, unifiedDirectory } from "./state.ts";

/** A process in a system call that cannot be interrupted stands only when that returns: how long to wait for it. */
const patienceMs = 10_000;

/** Resolves once all stand; else they go on, and it fails. */
export async function freeze(state: CgroupState): Promise<void> {
  try {
    if (hasUnifiedFreezer(state)) freezeUnified(state);
    else await freezeV1(state);
  } catch (error) {
    await thaw(state);
    throw error;
  }
}

/** Undoes a freeze of either version. */
export async function thaw(state: CgroupState): Promise<void> {
  using unified = open(unifiedDirectory(state));
  using legacy = open(directoryOfController(state, "freezer"));
  if (unified !== undefined && hasUnifiedFreezer(state)) writeCgroupFile(unified, "cgroup.freeze", "0");
  if (legacy !== undefined) writeCgroupFile(legacy, "freezer.state", "THAWED");
}

/** True when it is frozen, or about to be. */
export function isFrozen(state: CgroupState): boolean {
  using unified = open(unifiedDirectory(state));
  if (unified !== undefined && tryReadCgroupFile(unified, "cgroup.freeze") === "1") return true;
  using legacy = open(directoryOfController(state, "freezer"));
  const word = legacy === undefined ? undefined : tryReadCgroupFile(legacy, "freezer.state");
  return word !== undefined && word !== "THAWED";
}

function open(path: string | undefined) {
  return path === undefined ? undefined : tryOpenCgroup(path);
}

/** Since Linux 5.2. Better than that of version 1: it tells when it is done, and frozen processes can be killed. */
function hasUnifiedFreezer(state: CgroupState): boolean {
  using unified = open(unifiedDirectory(state));
  return unified !== undefined && tryReadCgroupFile(unified, "cgroup.freeze") !== undefined;
}

function freezeUnified(state: CgroupState): void {
  const path = unifiedDirectory(state) ?? "";
  using directory = open(path);
  if (directory === undefined) throw gone();
  writeCgroupFile(directory, "cgroup.freeze", "1");
  if (!waitForEvent(path, (events) => events.get("frozen") === "1", patienceMs)) throw stuck();
}

/** FREEZING becomes FROZEN only while the file is read or written, and a process that is being made can escape: try again. */
async function freezeV1(state: CgroupState): Promise<void> {
  using directory = open(directoryOfController(state, "freezer"));
  if (directory === undefined) throw gone();
  const deadline = performance.now() + patienceMs;
  for (let pauseMs = 0.05; performance.now() < deadline; pauseMs = Math.min(pauseMs * 2, 20)) {
    writeCgroupFile(directory, "freezer.state", "FROZEN");
    if (tryReadCgroupFile(directory, "freezer.state") === "FROZEN") return;
    await Bun.sleep(pauseMs);
  }
  throw stuck();
}

function gone(): CurruntError {
  return new CurruntError("unsupported", "freeze the container: it has no cgroup that can be frozen", {
    hint: "this host has no freezer, or the container was made without a cgroup",
  });
}

function stuck(): CurruntError {
  return new CurruntError(
    "unavailable",
    `freeze the container: not all its processes stood after ${patienceMs / 1000} s`,
    {
      hint: "one is in a system call that cannot be interrupted: on a dead network file system, perhaps",
    },
  );
}
