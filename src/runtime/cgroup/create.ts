/** Makes a container's cgroups in all trees of the host, so that a process can enter them. */
import { posix } from "node:path";
import { CurruntError, wrap } from "../../base/error.ts";
import { tryRemoveDirectory } from "../../sys/attempt.ts";
import { failedWith } from "../../sys/error.ts";
import { enableControllers } from "./controllers.ts";
import {
  makeCgroup,
  openCgroupDirectory,
  readTable,
  tryReadCgroupFile,
  tryWriteCgroupFile,
  writeCgroupFile,
} from "./file.ts";
import type { Host, Tree } from "./host.ts";
import { controllersOf } from "./host.ts";
import type { CgroupState } from "./state.ts";

export interface MakeOptions {
  /** The cgroup's directory in a tree. */
  readonly directoryIn: (tree: Tree) => string;
  /** True: a tree in which nothing may be made is left out. */
  readonly tolerant: boolean;
  /** True: processes are in it already, and that is right. */
  readonly used: boolean;
  /** True: limits are asked for that a cgroup of threads cannot have. */
  readonly needsDomain: boolean;
  /** True: the v1 cpuset gets what its parent has. The caller writes the others. */
  readonly fill: { readonly cpus: boolean; readonly mems: boolean };
}

/**
 * Makes them. One that is there is taken when it has no processes and is not frozen. On failure those that were made
 * are gone again.
 */
export function makeCgroups(host: Host, options: MakeOptions): CgroupState {
  const directories: Record<string, string> = {};
  const made: string[] = [];
  try {
    for (const tree of host.trees) {
      const path = options.directoryIn(tree);
      if (!makeInTree(tree, path, { ...options, made })) continue;
      directories[tree.name] = path;
      if (controllersOf(tree.name).includes("cpuset")) fillCpuset(tree.mountPoint, path, options.fill);
      if (host.version !== 2) continue;
      enableControllers(tree.mountPoint, path, undefined);
      settleType(path, options.needsDomain);
    }
  } catch (error) {
    for (const path of made) tryRemove(path);
    throw error;
  }
  return { version: host.version, directories };
}

/** False when it may not be made and that is tolerated. */
function makeInTree(
  tree: Tree,
  path: string,
  { tolerant, used, made }: { tolerant: boolean; used: boolean; made: string[] },
): boolean {
  try {
    const isNew = makeCgroup(tree.mountPoint, path);
    if (isNew) made.push(path);
    else if (!used) refuseUsed(path);
    if (!isNew || couldBeFrozen(tree, path)) refuseFrozen(path);
    return true;
  } catch (error) {
    if (tolerant && failedWith(error, "EACCES", "EPERM", "EROFS", "ENOENT")) return false;
    throw error instanceof CurruntError && error.kind === "conflict"
      ? error
      : wrap(error, `make cgroup "${path}"`);
  }
}

/** A new cgroup is frozen when one above is. Roots never are, nor is the one that we run in. */
function couldBeFrozen({ name, mountPoint, own }: Tree, path: string): boolean {
  const above = posix.dirname(path);
  const canFreeze = name === "" || controllersOf(name).includes("freezer");
  return canFreeze && above !== mountPoint && above !== mountPoint + own;
}

function tryRemove(path: string): void {
  tryRemoveDirectory(path, ["ENOENT", "EBUSY"]);
}

/** A cgroup that another container is in. */
function refuseUsed(path: string): void {
  using directory = openCgroupDirectory(path);
  const processes = (tryReadCgroupFile(directory, "cgroup.procs") ?? "")
    .split("\n")
    .filter((line) => line !== "");
  if (processes.length > 0) {
    throw new CurruntError(
      "conflict",
      `container's cgroup is not empty: "${path}" has ${processes.length} processes`,
      {
        hint: "choose another linux.cgroupsPath, or end what runs in it",
      },
    );
  }
}

/** In a frozen cgroup nothing would ever start. */
function refuseFrozen(path: string): void {
  using directory = openCgroupDirectory(path);
  const frozen =
    tryReadCgroupFile(directory, "cgroup.freeze") === "1" ||
    readTable(directory, "cgroup.events").get("frozen") === "1" ||
    (tryReadCgroupFile(directory, "freezer.state") ?? "THAWED") !== "THAWED";
  if (!frozen) return;
  throw new CurruntError("conflict", `container's cgroup unexpectedly frozen: "${path}", or one above it`, {
    hint: "thaw it, or choose another linux.cgroupsPath",
  });
}

/** Below a cgroup of threads only another can have processes, and no limits of memory or input and output. */
function settleType(path: string, needsDomain: boolean): void {
  using directory = openCgroupDirectory(path);
  if (tryReadCgroupFile(directory, "cgroup.type") !== "domain invalid") return;
  if (needsDomain) {
    throw new CurruntError(
      "conflict",
      `cgroup "${path}" is below one of threads: it cannot limit memory or I/O`,
      {
        hint: "choose another linux.cgroupsPath",
      },
    );
  }
  writeCgroupFile(directory, "cgroup.type", "threaded");
}

/**
 * A new cpuset of version 1 has neither CPUs nor memory nodes: no process can enter it, and none below it can have any. So those
 * above get both, whatever the cgroup itself is to have.
 */
function fillCpuset(mountPoint: string, path: string, { cpus, mems }: MakeOptions["fill"]): void {
  const above = posix.dirname(path);
  if (above === mountPoint && !cpus && !mems) return;
  using parent = openCgroupDirectory(above);
  const files = { "cpuset.cpus": cpus, "cpuset.mems": mems };
  if (above !== mountPoint && Object.keys(files).some((name) => tryReadCgroupFile(parent, name) === "")) {
    fillCpuset(mountPoint, above, { cpus: true, mems: true });
  }
  using directory = openCgroupDirectory(path);
  for (const [name, wanted] of Object.entries(files)) {
    if (!wanted) continue;
    const value = tryReadCgroupFile(parent, name) ?? "";
    // Refused for a cgroup that was there and has children with other values: then it has one already.
    if (value !== "") tryWriteCgroupFile(directory, name, value, ["EBUSY", "EACCES", "EINVAL"]);
  }
}
