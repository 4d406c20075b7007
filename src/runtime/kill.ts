/** Sends a signal to a container. */
import { CurruntError } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { openProcess, sendSignal, startTimeOf, waitUntilEnded } from "../sys/process.ts";
import type { ContainerState } from "./state.ts";

/** A descriptor of the container's init; undefined when it has ended. */
export function openInit({ pid, startTime }: ContainerState): Fd | undefined {
  const pidfd = tryOpen(pid);
  if (pidfd === undefined) return undefined;
  // From here on the descriptor means one process: is it the one that we know?
  if (startTimeOf(pid) === startTime) return pidfd;
  pidfd.close();
  return undefined;
}

function tryOpen(pid: number): Fd | undefined {
  try {
    return openProcess(pid);
  } catch (error) {
    if (failedWith(error, "ESRCH", "EINVAL")) return undefined;
    throw error;
  }
}

/** Callers look for these words. */
export function notRunning(): CurruntError {
  return new CurruntError("conflict", "container not running");
}

const SIGKILL = 9;

/**
 * Signals init; `all`: a container that has ended is no error. SIGKILL reaches all processes: where they share a pid namespace
 * with others they would outlive init, and frozen ones have to be thawed to die.
 */
export async function killContainer(
  state: ContainerState,
  signal: number,
  { all }: { readonly all: boolean },
): Promise<void> {
  using init = openInit(state);
  const others = signal === SIGKILL && init !== undefined ? await othersThan(state) : [];
  const delivered = init !== undefined && trySignal(init, signal);
  for (const other of others) endOther(other);
  if (signal === SIGKILL) await killRest(state, init !== undefined);
  if (!delivered && !all) throw notRunning();
}

/** False when the process has ended. */
function trySignal(pidfd: Fd, signal: number): boolean {
  try {
    sendSignal(pidfd, signal);
    return true;
  } catch (error) {
    if (!failedWith(error, "ESRCH")) throw error;
    return false;
  }
}

/** Processes that no cgroup finds, and that the end of init would leave behind. */
async function othersThan(state: ContainerState): Promise<Fd[]> {
  if (state.sharedPids !== true) return [];
  const { lacksCgroup, processesBeside } = await import("./beside.ts");
  if (!lacksCgroup(state)) return [];
  return processesBeside(state.pid)
    .filter((pid) => pid !== state.pid)
    .flatMap((pid) => tryOpen(pid) ?? []);
}

function endOther(pidfd: Fd): void {
  using other = pidfd;
  trySignal(other, SIGKILL);
}

/** What the end of init does not end. `lives`: init was there just now. */
async function killRest({ cgroup, sharedPids, creating }: ContainerState, lives: boolean): Promise<void> {
  if (cgroup === undefined || creating === true) return;
  const { openCgroup } = await import("./cgroup/cgroup.ts");
  const rest = openCgroup(cgroup);
  if (sharedPids === true) await rest.kill(SIGKILL);
  else if (lives && (await rest.frozen())) await rest.thaw();
}

/** Ends all processes of the container; false when init does not end within `timeoutMs`. */
export async function endContainer(state: ContainerState, timeoutMs: number): Promise<boolean> {
  using init = openInit(state);
  const others = init === undefined ? [] : await othersThan(state);
  if (init !== undefined) trySignal(init, SIGKILL);
  for (const other of others) endOther(other);
  await killRest(state, init !== undefined);
  return init === undefined || waitUntilEnded(init, timeoutMs);
}
