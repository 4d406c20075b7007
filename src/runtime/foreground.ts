/** A container in the foreground: signals go to its init, its end is ours. */
import { O_DIRECTORY, O_RDONLY } from "../../ffi/kernel.ts";
import { tryOpen } from "../sys/attempt.ts";
import { signalsAreKept } from "../sys/entry.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import type { Estate } from "../sys/keeper.ts";
import { becomeKeeper } from "../sys/keeper.ts";
import { becomeSubreaper, sendSignal, unblockSignals } from "../sys/process.ts";
import type { Init } from "./carry-out.ts";
import { directoriesToRemove } from "./cgroup/state.ts";
import type { ContainerOptions } from "./container.ts";
import { makeContainer } from "./container.ts";
import { sharesMounts } from "./on-demand.ts";
import type { Spec } from "./spec.ts";
import type { ContainerState } from "./state.ts";
import { isStateOf } from "./state.ts";
import type { StatePaths } from "./state-root.ts";
import { waitForInit } from "./wait.ts";

export interface ForegroundOptions {
  /** Leave the container's state when its program has ended. */
  readonly keep: boolean;
  /** Orphans of the container become our children. */
  readonly subreaper: boolean;
  /** Arguments for this executable to remove the container. */
  readonly remover: readonly string[];
  /** Told what went wrong in poststop hooks. */
  readonly onWarning: (message: string) => Promise<void>;
}

/** Runs the container to its end; the program's exit code, 128 and the signal when one killed it. */
export async function runForeground(
  options: Omit<ContainerOptions, "hold">,
  { keep, subreaper, remover, onWarning }: ForegroundOptions,
): Promise<number> {
  if (subreaper) becomeSubreaper();
  const follow = forwardSignals();
  const { init, state, readiness } = await makeContainer({ ...options, hold: false });
  const { paths, bundle } = options;
  if (readiness === undefined && (keep || goesSimply(state, bundle.spec))) {
    using directory = keep ? undefined : openOwn(state, paths);
    const cgroups = state.cgroup === undefined ? [] : directoriesToRemove(state.cgroup);
    const estate = directory && { path: paths.directory, directory, cgroups, remover };
    if (keep || estate !== undefined) leaveToKeeper(init, estate);
  }
  using _relay = await relayTo(options.notifySocket, readiness, init.pid);
  const exitCode = await follow(init);
  if (!keep) {
    const { deleteOwn } = await import("./delete.ts");
    const warnings = await deleteOwn(state, paths, bundle.spec);
    for (const warning of warnings) await onWarning(warning);
  }
  return exitCode;
}

/** True when its cgroups and its state are all there is to be removed when init has ended. */
function goesSimply({ cgroup, sharedPids }: ContainerState, spec: Spec): boolean {
  const hasHooks = (spec.hooks?.poststop ?? []).length > 0;
  const hasMore = sharesMounts(spec) || spec.linux?.intelRdt !== undefined || cgroup?.unit !== undefined;
  return sharedPids !== true && !hasHooks && !hasMore;
}

/** Its state's directory; undefined when that is gone, or another container's by now. */
function openOwn(state: ContainerState, paths: StatePaths): Fd | undefined {
  const directory = tryOpen(undefined, paths.directory, O_RDONLY | O_DIRECTORY, ["ENOENT"]);
  if (typeof directory === "string") return undefined;
  // Behind the opening: what takes its place from now on is not what is open.
  if (isStateOf(state, paths)) return directory;
  directory.close();
  return undefined;
}

/** Does not return, unless the process has a terminal that we join to ours. */
function leaveToKeeper({ pid, terminal }: Init, estate: Estate | undefined): void {
  if (terminal === undefined) becomeKeeper(pid, estate);
}

async function relayTo(
  host: string | undefined,
  readiness: Fd | undefined,
  pid: number,
): Promise<Disposable | undefined> {
  if (host === undefined || readiness === undefined) return undefined;
  const { watchReadiness } = await import("./notify.ts");
  return watchReadiness(readiness, host, pid);
}

/** Leaves the container in the background; with a caller that waits for it, once its program is ready. */
export async function runDetached(options: Omit<ContainerOptions, "hold">): Promise<void> {
  const { init, readiness } = await makeContainer({ ...options, hold: false });
  if (readiness === undefined || options.notifySocket === undefined) return;
  const { relayReadiness } = await import("./notify.ts");
  relayReadiness(readiness, options.notifySocket, init);
}

const forwarded = {
  ...{ SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGUSR1: 10, SIGUSR2: 12, SIGPIPE: 13, SIGALRM: 14, SIGTERM: 15 },
  ...{ SIGCONT: 18, SIGTSTP: 20, SIGTTIN: 21, SIGTTOU: 22, SIGWINCH: 28, SIGPWR: 30 },
} as const;

/**
 * From now on signals are kept for a process that is being started: whoever sees its first output may send one. What comes
 * back stays with that process, its terminal joined to ours, and resolves to its exit code.
 */
export function forwardSignals(): (init: Init) => Promise<number> {
  let target: Init | undefined;
  const kept: number[] = [];
  const listen = () => {
    for (const [name, number] of Object.entries(forwarded)) {
      process.on(name as NodeJS.Signals, () => {
        if (target === undefined) kept.push(number);
        else passOn(target, number);
      });
    }
  };
  // Else they wait in the kernel.
  if (!signalsAreKept()) listen();
  return async (init) => {
    target = init;
    if (signalsAreKept()) {
      listen();
      unblockSignals(Object.values(forwarded));
    }
    for (const number of kept.splice(0)) passOn(init, number);
    if (init.terminal === undefined) return await waitForInit(init);
    const { relayTerminal } = await import("./relay.ts");
    return await relayTerminal(init.pid, init.terminal);
  };
}

/** Stays with a further process of a container; its exit code. */
export async function followProcess(init: Init, follow: (init: Init) => Promise<number>): Promise<number> {
  leaveToKeeper(init, undefined);
  return await follow(init);
}

function passOn(init: Init, signal: number): void {
  try {
    sendSignal(init.pidfd, signal);
  } catch (error) {
    if (!failedWith(error, "ESRCH")) throw error;
  }
}
