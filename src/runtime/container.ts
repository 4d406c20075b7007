/** Makes a container from a bundle, for `create` and for `run`: state directory, cgroup, init, terminal, pid file. */
import { CurruntError } from "../base/error.ts";
import { makeDirectories, makeNewDirectory, removeTree } from "../sys/directory.ts";
import type { Fd } from "../sys/fd.ts";
import { makeFifo } from "../sys/fifo.ts";
import { sendSignal, startTimeOf, waitForEnd } from "../sys/process.ts";
import { openNewFile } from "../sys/small-file.ts";
import { writeBrief } from "./brief.ts";
import type { Bundle } from "./bundle.ts";
import { rootfsOf } from "./bundle.ts";
import type { Init } from "./carry-out.ts";
import type { BegunCgroup, Cgroup } from "./cgroup/cgroup.ts";
import { beginCgroup, createCgroup } from "./cgroup/cgroup.ts";
import { mayEnterLate } from "./cgroup/late.ts";
import { removeCgroups } from "./cgroup/remove.ts";
import type { CgroupState } from "./cgroup/state.ts";
import type { CreateOptions } from "./create.ts";
import { startContainer } from "./create.ts";
import type { Receivers } from "./hand-over.ts";
import { handOver, wantsPlainTerminal } from "./hand-over.ts";
import type { HookContext } from "./on-demand.ts";
import { leaveRootPlace, rootPlaceOf, runPoststartHooks, runPoststopHooks } from "./on-demand.ts";
import { saveSpec } from "./saved-spec.ts";
import type { ContainerState } from "./state.ts";
import { saveBeginning, saveFirstState } from "./state.ts";
import type { StatePaths } from "./state-root.ts";

const SIGKILL = 9;

/** Who makes a container's cgroup, and whether it may go without. */
export interface CgroupChoice {
  readonly driver: "cgroupfs" | "systemd" | "disabled";
  /** True: what may not be changed is left as it is. */
  readonly rootless: boolean;
}

export interface ContainerOptions extends Receivers {
  readonly id: string;
  readonly paths: StatePaths;
  readonly bundle: Bundle;
  readonly cgroup: CgroupChoice;
  readonly noPivot: boolean;
  readonly sharesKeyring: boolean;
  /** The caller's systemd, which waits to hear that the program is ready. */
  readonly notifySocket?: string | undefined;
  /** True: stop before the program, which `start` runs. */
  readonly hold: boolean;
  /** Passed on as 3, 4 … */
  readonly preserved: readonly Fd[];
  /** How init comes to be, when not by a plan: out of a checkpoint. */
  readonly birth?: ((options: CreateOptions) => Promise<Init>) | undefined;
}

/** The container's init, and how the container is known from here on. */
export interface Made {
  readonly init: Init;
  readonly state: ContainerState;
  /** The program tells here when it is ready, for a caller that waits to hear so. */
  readonly readiness?: Fd | undefined;
}

/** Creates the container; on failure nothing is left. */
export async function makeContainer(options: ContainerOptions): Promise<Made> {
  const { paths } = options;
  claimDirectory(paths);
  await using undo = new AsyncDisposableStack();
  undo.defer(async () => {
    await runPoststopHooks(hooked(options));
  });
  undo.defer(() => removeTree(undefined, paths.directory));
  undo.defer(() => leaveRootPlace(options.bundle.spec, paths));
  const first = firstState(options);
  const { bundle, readiness } = await withRelay(options);
  const save = (planned: CgroupState | undefined) => saveBeginning(paths, withCgroup(first, planned));
  const place: Place = { cgroup: undefined, begun: undefined };
  if (mayBeginCgroup(options)) {
    const begun = beginCgroup({ id: options.id, spec: bundle.spec, onPlanned: save });
    undo.defer(() => removeCgroups(begun.state));
    place.begun = begun;
  } else place.cgroup = await makeCgroup(options, save);
  undo.defer(() => place.cgroup?.remove());
  const made = await startInit({ ...options, bundle }, first, place);
  undo.defer(() => endInit(made.init));
  await handOver(made.init, options);
  if (options.hold) writeBrief(paths, bundle.spec, made.state);
  else if (options.birth === undefined) await runPoststartHooks(hooked(options), made.init.pid);
  undo.move();
  place.cgroup?.[Symbol.dispose]();
  return { ...made, readiness };
}

/** The container's cgroup, once it is complete. */
interface Place {
  cgroup: Cgroup | undefined;
  begun: BegunCgroup | undefined;
}

function mayBeginCgroup({ cgroup, birth, bundle }: ContainerOptions): boolean {
  const isOurs = cgroup.driver === "cgroupfs" && !cgroup.rootless;
  return isOurs && birth === undefined && mayEnterLate(bundle.spec);
}

/** For a caller that waits to hear from the program. */
async function withRelay({
  notifySocket,
  bundle,
  paths,
  hold,
}: ContainerOptions): Promise<{ readonly bundle: Bundle; readonly readiness?: Fd }> {
  if (notifySocket === undefined) return { bundle };
  const { listenForReadiness, makeNotifyDirectory, withNotify } = await import("./notify.ts");
  makeNotifyDirectory(paths);
  const notified = { ...bundle, spec: withNotify(bundle.spec, paths) };
  return hold ? { bundle: notified } : { bundle: notified, readiness: listenForReadiness(paths) };
}

function hooked({ id, bundle }: ContainerOptions): HookContext {
  return { id, spec: bundle.spec, bundle: bundle.directory };
}

/** Takes the container's directory, so that no other creation can; one that is there has the ID already. */
function claimDirectory({ root, directory }: StatePaths): void {
  makeDirectories(root, 0o700);
  if (makeNewDirectory(directory, 0o711)) return;
  const id = JSON.stringify(directory.slice(root.length + 1));
  throw new CurruntError("exists", `container with given ID already exists: ${id}`, {
    hint: `"currunt delete" removes it when it has ended`,
  });
}

/** `save` is called before anything is made: should we be killed, `delete` has to find it. */
async function makeCgroup(
  { id, bundle, cgroup }: ContainerOptions,
  save: (planned: CgroupState | undefined) => void,
): Promise<Cgroup | undefined> {
  if (cgroup.driver === "disabled") {
    save(undefined);
    return undefined;
  }
  const systemd = cgroup.driver === "systemd";
  const { spec } = bundle;
  return await createCgroup({ id, spec, systemd, rootless: cgroup.rootless, onPlanned: save });
}

/** The state before there is an init: until then the process that creates it stands for it. */
function firstState({ id, bundle }: ContainerOptions): ContainerState {
  const { spec, directory } = bundle;
  return {
    id,
    ociVersion: spec.ociVersion,
    bundle: directory,
    rootfs: rootfsOf(bundle),
    created: new Date().toISOString(),
    ...(spec.annotations === undefined ? {} : { annotations: spec.annotations }),
    pid: process.pid,
    startTime: startTimeOf(process.pid) ?? 0,
    creating: true,
    ...(hasOwnPids(bundle) ? {} : { sharedPids: true }),
  };
}

function withCgroup(state: ContainerState, cgroup: CgroupState | undefined): ContainerState {
  return cgroup === undefined ? state : { ...state, cgroup };
}

function hasOwnPids({ spec }: Bundle): boolean {
  return (
    spec.linux?.namespaces?.some(
      ({ type, path }) => type === "pid" && (path === undefined || path === ""),
    ) === true
  );
}

async function startInit(options: ContainerOptions, first: ContainerState, place: Place): Promise<Made> {
  const { id, paths, bundle, hold, preserved, birth = startContainer } = options;
  using fifo = hold ? makeFifo(paths.fifo) : undefined;
  using failure = hold ? openNewFile(paths.failure, 0o600) : undefined;
  const { begun } = place;
  using birthplace = begun?.birthplace();
  let state = first;
  try {
    const init = await birth({
      id,
      spec: bundle.spec,
      bundle: bundle.directory,
      rootPlace: await rootPlaceOf(bundle.spec, paths),
      stdio: "inherit",
      plainTerminal: wantsPlainTerminal(bundle.spec.process, options),
      filters: paths.filters,
      cgroup: place.cgroup,
      lateCgroup: begun && { birthplace, complete: () => completeCgroup(place, begun) },
      hold: fifo === undefined || failure === undefined ? undefined : { fifo, failure },
      preserved,
      noPivot: options.noPivot,
      sharesKeyring: options.sharesKeyring,
      onCloned: (pid) => {
        // While init mounts.
        saveSpec(paths, bundle.spec);
        state = withInit(first, pid, place.cgroup);
        saveFirstState(paths, state);
      },
    });
    return { init, state };
  } catch (error) {
    throw (await wasOutOfMemory(place.cgroup))
      ? new CurruntError("unavailable", "container init was OOM-killed (memory limit too low?)", {
          cause: error,
        })
      : error;
  }
}

async function completeCgroup(place: Place, begun: BegunCgroup): Promise<Cgroup> {
  place.cgroup = await begun.complete();
  return place.cgroup;
}

async function wasOutOfMemory(cgroup: Cgroup | undefined): Promise<boolean> {
  return cgroup !== undefined && (await cgroup.oomKills()) > 0;
}

/** systemd makes a cgroup when init joins it: only now it is known where. */
function withInit(
  { creating: _, ...state }: ContainerState,
  pid: number,
  cgroup: Cgroup | undefined,
): ContainerState {
  return withCgroup({ ...state, pid, startTime: startTimeOf(pid) ?? 0 }, cgroup?.state);
}

function endInit(init: Init): void {
  sendSignal(init.pidfd, SIGKILL);
  waitForEnd(init.pid);
  init[Symbol.dispose]();
}
