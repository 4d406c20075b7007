/** What is kept of a container between two commands, and what its status is now. */
import { CurruntError } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import { openFifoWriter } from "../sys/fifo.ts";
import { removeFile } from "../sys/file.ts";
import { startTimeOf } from "../sys/process.ts";
import { replaceSmallFile, tryReadSmallFile, writeSmallFile } from "../sys/small-file.ts";
import { isThere } from "../sys/stat.ts";
import type { CgroupState } from "./cgroup/state.ts";
import type { StatePaths } from "./state-root.ts";

/** state.json of a container's directory. */
export interface ContainerState {
  readonly id: string;
  readonly ociVersion: string;
  /** Absolute. */
  readonly bundle: string;
  /** Absolute. */
  readonly rootfs: string;
  /** RFC 3339. */
  readonly created: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Init as the host sees it; before there is one, the process that creates it. */
  readonly pid: number;
  /** Start time of that process, in clock ticks since boot: no other process has both. */
  readonly startTime: number;
  /** True as long as `pid` is the creating process. */
  readonly creating?: boolean;
  /** True when the container's processes share the pid namespace of others: they do not end with init. */
  readonly sharedPids?: boolean;
  /** What the cgroup part needs to find the container's cgroup again. */
  readonly cgroup?: CgroupState;
}

export type Status = "creating" | "created" | "running" | "paused" | "stopped";

/** The state of a container; undefined when there is none of that ID, or its creation was broken off at the very start. */
export function findState(paths: StatePaths): ContainerState | undefined {
  // Between two looks a creation may end: its state is there before its beginning goes.
  return readWhole(paths.state) ?? findBeginning(paths) ?? readWhole(paths.state);
}

function readWhole(path: string): ContainerState | undefined {
  const text = tryReadSmallFile(path);
  if (text === undefined) return undefined;
  try {
    // Written by `saveState` in a directory that is root's own.
    return JSON.parse(text) as ContainerState;
  } catch (cause) {
    throw new CurruntError("internal", `read ${path}: it is damaged`, { cause });
  }
}

function findBeginning(paths: StatePaths): ContainerState | undefined {
  const text = tryReadSmallFile(paths.beginning);
  return text === undefined ? undefined : parseWhole<ContainerState>(text);
}

/** What was written in one go; undefined when the writer was killed meanwhile, or is still at it. */
export function parseWhole<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

/** Whether what is there is the state of that very container, and not of another one that has its ID by now. */
export function isStateOf({ pid, startTime }: ContainerState, paths: StatePaths): boolean {
  const found = findState(paths);
  return found?.pid === pid && found.startTime === startTime;
}

/** Whether `root` has a container of this ID, which need be no valid one. */
export function hasState(root: string, id: string): boolean {
  if (!/^[\w+.-]{1,255}$/.test(id)) return false;
  return ["state.json", "creating.json"].some((name) => isThere(undefined, `${root}/${id}/${name}`));
}

/** Whether there is anything at `path` that we may know of. */
export function isFileThere(path: string): boolean {
  try {
    return isThere(undefined, path);
  } catch (error) {
    if (failedWith(error, "EACCES")) return false;
    throw error;
  }
}

/** Like `findState`; throws "not-found" when there is none. */
export function readState(paths: StatePaths): ContainerState {
  const state = findState(paths);
  if (state === undefined) throw doesNotExist(paths);
  return state;
}

/** Callers look for these words. */
export function doesNotExist({ root, directory }: StatePaths): CurruntError {
  const id = directory.slice(root.length + 1);
  return new CurruntError(
    "not-found",
    `container does not exist: there is no ${JSON.stringify(id)} in ${root}`,
  );
}

/** Writes down what a creation is about to make, before it does. */
export function saveBeginning(paths: StatePaths, state: ContainerState): void {
  writeSmallFile(paths.beginning, JSON.stringify(state), 0o600);
}

/** Writes the state so that a reader sees the old or the new one. */
export function saveState(paths: StatePaths, state: ContainerState): void {
  replaceSmallFile(paths.directory, "state.json", JSON.stringify(state), 0o600);
}

/**
 * Writes the first state. It has a name of its own: on ext4 a file that is renamed to the name of another is written to the disk at
 * once, and whoever removes it waits for that.
 */
export function saveFirstState(paths: StatePaths, state: ContainerState): void {
  saveState(paths, state);
  removeFile(paths.beginning);
}

/** Status without regard to `paused`, which only the cgroup knows. */
export function processStatus(paths: StatePaths, state: ContainerState): Exclude<Status, "paused"> {
  if (startTimeOf(state.pid) !== state.startTime) return "stopped";
  if (state.creating === true) return "creating";
  if (!isThere(undefined, paths.fifo)) return "running";
  // A fifo that nobody reads: whoever has started the program was killed before it could remove that.
  using waiting = openFifoWriter(paths.fifo);
  return waiting === undefined ? "running" : "created";
}

/** Status of a container now. */
export async function statusOf(paths: StatePaths, state: ContainerState): Promise<Status> {
  const status = processStatus(paths, state);
  if (status !== "running" && status !== "created") return status;
  return (await isPaused(state)) ? "paused" : status;
}

async function isPaused({ cgroup }: ContainerState): Promise<boolean> {
  if (cgroup === undefined) return false;
  const { isFrozen } = await import("./cgroup/freeze.ts");
  return isFrozen(cgroup);
}

/** The state document of the runtime specification (runtime.md, State), with what runc adds. */
export function stateDocument(state: ContainerState, status: Status): Record<string, unknown> {
  const { ociVersion, id, pid, bundle, rootfs, created, annotations } = state;
  const running = status !== "stopped" && status !== "creating";
  return {
    ociVersion,
    id,
    pid: running ? pid : 0,
    status,
    bundle,
    rootfs,
    created,
    ...(annotations === undefined ? {} : { annotations }),
    owner: "",
  };
}
