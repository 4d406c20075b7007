/** The cgroup of a container: made at its creation, opened again by whoever acts on it later. */
import type { Fd } from "../../sys/fd.ts";
import { readSmallFile } from "../../sys/small-file.ts";
import { isThere } from "../../sys/stat.ts";
import type { LinuxResources } from "../spec.ts";
import { applySettings } from "./apply.ts";
import { finishCgroup, makeOptions } from "./cgroup-make.ts";
import { makeCgroups } from "./create.ts";
import { openCgroupDirectory, tryReadCgroupFile, writeCgroupFile } from "./file.ts";
import type { Host, Tree } from "./host.ts";
import { readHost, unifiedMountPoint } from "./host.ts";
import { directoryInTree } from "./path.ts";
import { removeCgroups } from "./remove.ts";
import type { CgroupOptions, CgroupState } from "./state.ts";
import { legacyDirectories, unifiedDirectory } from "./state.ts";
import type { Stats } from "./stats.ts";

/** How a process gets in that the shim makes: no call from outside is needed. */
export interface CgroupEntry {
  /** Files that the shim writes itself to before it clones: `tasks` of each tree of version 1. */
  readonly files: readonly string[];
  /** The unified cgroup, which init is cloned into. Its cgroup namespace must be unshared behind the clone. */
  readonly directory: Fd | undefined;
  /** True: nothing of the two does; `join` has to be called when init exists. */
  readonly moved: boolean;
  /** True: what is not allowed is left out. */
  readonly optional: boolean;
}

/** A container's cgroup. Disposing closes its descriptor; the cgroup stays until `remove`. */
export interface Cgroup extends Disposable {
  /** Where it is, for the state file. */
  readonly state: CgroupState;
  /** Opens what is needed to be born in it. */
  enter(): CgroupEntry;
  /** True: `settle` has to be called when init exists. */
  readonly unsettled: boolean;
  /** Sets the limits that init could not have been made under. */
  settle(): Promise<void>;
  /** The same for a further process. Where the container's init has divided the cgroup up, it is born beside init. */
  enterBeside(init: number): CgroupEntry;
  /** Moves a process in. With systemd this makes the cgroup: it wants a process for that. */
  join(pid: number): Promise<void>;
  /** Changes the limits; on failure the old ones hold. Device rules stay. */
  update(resources: LinuxResources): Promise<void>;
  /** Stops all processes; resolves once they stand. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  frozen(): Promise<boolean>;
  /** Sends a signal to every process, also to those that are made meanwhile if it is SIGKILL. */
  kill(signal: number): Promise<void>;
  /** Pids as the host counts them. */
  processes(): Promise<number[]>;
  stats(): Promise<Stats>;
  /** How many processes the kernel has killed for want of memory. */
  oomKills(): Promise<number>;
  /** Removes it with all below it. The processes must have ended. */
  remove(): Promise<void>;
}

/**
 * Makes it and sets its limits. On failure nothing is left. With systemd that happens when the first process joins, and the
 * state is known from then on.
 */
export async function createCgroup(options: CgroupOptions): Promise<Cgroup> {
  if (options.systemd === true) {
    const { createUnit } = await import("./systemd-create.ts");
    const unknown: CgroupState = { version: 2, directories: {} };
    options.onPlanned?.(unknown);
    return new OpenCgroup(unknown, (pid) => createUnit(options, pid));
  }
  const { spec, rootless = false } = options;
  const { cgroupsPath, resources = {} } = spec.linux ?? {};
  const host = readHost();
  const wanted = cgroupsPath !== undefined && cgroupsPath !== "";
  const directoryIn = planIn(host, options);
  const state = makeCgroups(host, {
    ...makeOptions(options),
    directoryIn,
    tolerant: rootless && !wanted,
    used: false,
  });
  try {
    const { now, later } = divide(resources, host.version);
    await finishCgroup(state, options, now);
    return new OpenCgroup(state, undefined, later);
  } catch (error) {
    await removeCgroups(state);
    throw error;
  }
}

/** A cgroup that is made in two parts. */
export interface BegunCgroup {
  /** Of what is there already. */
  readonly state: CgroupState;
  /** Opens what init is cloned into; undefined: there is nothing of that kind. */
  birthplace(): Fd | undefined;
  /** Makes the rest and sets the limits; on failure `state` is still there, and nothing else. */
  complete(): Promise<Cgroup>;
}

/**
 * As `createCgroup`, for an init that enters the trees of version 1 by itself: only the unified cgroup has to be there when it is cloned.
 * The rest can be made meanwhile.
 */
export function beginCgroup(options: Omit<CgroupOptions, "systemd" | "rootless">): BegunCgroup {
  const { resources = {} } = options.spec.linux ?? {};
  const host = readHost();
  const directoryIn = planIn(host, options);
  const make = (isWanted: (tree: Tree) => boolean) => {
    const trees = host.trees.filter(isWanted);
    return makeCgroups(
      { ...host, trees },
      { ...makeOptions(options), directoryIn, tolerant: false, used: false },
    );
  };
  const state = make(({ name }) => name === "");
  return {
    state,
    birthplace() {
      const unified = unifiedDirectory(state);
      return unified === undefined ? undefined : openCgroupDirectory(unified);
    },
    async complete() {
      const legacy = make(({ name }) => name !== "");
      const whole = { ...state, directories: { ...state.directories, ...legacy.directories } };
      try {
        await finishCgroup(whole, options, resources);
      } catch (error) {
        await removeCgroups(legacy);
        throw error;
      }
      return new OpenCgroup(whole);
    },
  };
}

/** Files that a process writes itself to, to be in the trees of version 1. */
export function taskFiles(state: CgroupState): string[] {
  return legacyDirectories(state).map((path) => `${path}/tasks`);
}

/** Where it goes in each tree of the host; tells what will be made. */
function planIn(host: Host, { id, spec, onPlanned }: CgroupOptions): (tree: Tree) => string {
  const directoryIn = (tree: Tree) => directoryInTree(host, tree, spec.linux?.cgroupsPath, id);
  onPlanned?.(plannedState(host, directoryIn));
  return directoryIn;
}

/** What is not there yet. */
function plannedState(host: Host, directoryIn: (tree: Tree) => string): CgroupState {
  const places = host.trees.map((tree) => [tree.name, directoryIn(tree)] as const);
  return {
    version: host.version,
    directories: Object.fromEntries(places.filter(([, path]) => !isThere(undefined, path))),
  };
}

/** On version 1 the shim is in the cgroup when it clones init: what allows one process only has to come behind that. */
function divide(
  resources: LinuxResources,
  version: 1 | 2,
): { readonly now: LinuxResources; readonly later: LinuxResources | undefined } {
  const limit = resources.pids?.limit;
  if (version === 2 || (limit !== 0 && limit !== 1)) return { now: resources, later: undefined };
  return { now: { ...resources, pids: { limit: 2 } }, later: { pids: { limit } } };
}

/** The cgroup that `state` tells of, whether or not it still is there. */
export function openCgroup(state: CgroupState): Cgroup {
  return new OpenCgroup(state);
}

/** A cgroup that hands controllers down can have no processes itself (version 2): init then is in one below it. */
function openCgroupBeside(path: string, init: number): Fd {
  const directory = openCgroupDirectory(path);
  const handedDown = tryReadCgroupFile(directory, "cgroup.subtree_control") ?? "";
  if (handedDown === "") return directory;
  directory.close();
  const own = readSmallFile(`/proc/${init}/cgroup`).match(/^0::(.*)$/m)?.[1] ?? "";
  const top = path.startsWith(unifiedMountPoint(1)) ? unifiedMountPoint(1) : unifiedMountPoint(2);
  const inside = `${top}${own}`;
  return openCgroupDirectory(inside.startsWith(`${path}/`) && !own.includes("..") ? inside : path);
}

class OpenCgroup implements Cgroup {
  #state: CgroupState;
  #directory: Fd | undefined;
  /** Makes the cgroup with its first process. */
  #start: ((pid: number) => Promise<CgroupState>) | undefined;

  #later: LinuxResources | undefined;

  constructor(
    state: CgroupState,
    start?: (pid: number) => Promise<CgroupState>,
    later?: LinuxResources | undefined,
  ) {
    this.#state = state;
    this.#start = start;
    this.#later = later;
  }

  get unsettled(): boolean {
    return this.#later !== undefined;
  }

  async settle(): Promise<void> {
    if (this.#later !== undefined) await applySettings(this.state, this.#later);
    this.#later = undefined;
  }

  get state(): CgroupState {
    return this.#state;
  }

  enter(): CgroupEntry {
    if (this.#start !== undefined) return { files: [], directory: undefined, moved: true, optional: false };
    const unified = unifiedDirectory(this.state);
    if (unified !== undefined) this.#directory ??= openCgroupDirectory(unified);
    return { files: taskFiles(this.state), directory: this.#directory, moved: false, optional: false };
  }

  enterBeside(init: number): CgroupEntry {
    const unified = unifiedDirectory(this.state);
    this.#directory?.close();
    this.#directory = unified === undefined ? undefined : openCgroupBeside(unified, init);
    return this.enter();
  }

  async join(pid: number): Promise<void> {
    if (this.#start !== undefined) {
      this.#state = await this.#start(pid);
      this.#start = undefined;
      return;
    }
    for (const path of Object.values(this.state.directories)) {
      using directory = openCgroupDirectory(path);
      writeCgroupFile(directory, "cgroup.procs", String(pid));
    }
  }

  async update(resources: LinuxResources): Promise<void> {
    const { updateSettings } = await import("./update.ts");
    await updateSettings(this.state, resources);
  }

  async freeze(): Promise<void> {
    const { freeze } = await import("./freeze.ts");
    await freeze(this.state);
  }

  async thaw(): Promise<void> {
    const { thaw } = await import("./freeze.ts");
    await thaw(this.state);
  }

  async frozen(): Promise<boolean> {
    const { isFrozen } = await import("./freeze.ts");
    return isFrozen(this.state);
  }

  async kill(signal: number): Promise<void> {
    const { killAll } = await import("./kill.ts");
    await killAll(this.state, signal);
  }

  async processes(): Promise<number[]> {
    const { processesOf } = await import("./processes.ts");
    return processesOf(this.state);
  }

  async stats(): Promise<Stats> {
    const { readStats } = await import("./stats.ts");
    return readStats(this.state);
  }

  async oomKills(): Promise<number> {
    const { readOomKills } = await import("./oom.ts");
    return readOomKills(this.state);
  }

  async remove(): Promise<void> {
    this[Symbol.dispose]();
    if (this.state.unit !== undefined) {
      const { endUnit } = await import("./systemd-create.ts");
      await endUnit(this.state);
    }
    await removeCgroups(this.state);
  }

  [Symbol.dispose](): void {
    this.#directory?.close();
    this.#directory = undefined;
  }
}
