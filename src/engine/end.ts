/** Ending containers: wait, stop, kill, remove. */
import { CurruntError, wrap } from "../base/error.ts";
import type { ContainerPaths } from "../base/paths.ts";
import { containerPaths } from "../base/paths.ts";
import { isLocked, waitForUnlock } from "../sys/lock.ts";
import { isThere } from "../sys/stat.ts";
import type { Container } from "./container.ts";
import type { Context } from "./context.ts";
import { observeEnd } from "./observe.ts";
import type { RemoveOptions, StopOptions } from "./options.ts";
import { recover } from "./recover.ts";
import { lockAtRest, runs } from "./rest.ts";
import { signalInit } from "./signal.ts";

const SIGKILL = 9;

/** Resolves to the exit code when the container has ended and that is recorded. */
export async function waitForContainer(context: Context, name: string): Promise<number> {
  const { record } = context.containers.get(name);
  const exitCode = await endOf(context, record.id);
  if (exitCode !== undefined) return exitCode;
  const ended = context.containers.get(record.id);
  if (ended.exitCode !== undefined) return ended.exitCode;
  throw new CurruntError("conflict", `wait for container "${record.name}": it has not been started`, {
    hint: `start it with "currunt start ${record.name}"`,
  });
}

/** Sends the stop signal, then KILL when the container has not ended in time. One that has ended is left alone. */
export async function stopContainer(context: Context, name: string, options: StopOptions): Promise<void> {
  const container = context.containers.get(name);
  const { record } = container;
  const paths = containerPaths(context.roots, record.id);
  const end = endOf(context, record.id);
  if (!signalInit(paths, options.signal ?? record.stopSignal, { ends: true })) {
    refuseStarting(context, container, "stop");
    await end;
    return;
  }
  const seconds = options.timeoutSeconds ?? record.stopTimeoutSeconds;
  if (Number.isFinite(seconds)) {
    const timeout = Promise.withResolvers<"late">();
    const timer = setTimeout(() => timeout.resolve("late"), Math.min(seconds * 1000, 2 ** 31 - 1));
    if ((await Promise.race([end, timeout.promise])) === "late") signalInit(paths, SIGKILL);
    clearTimeout(timer);
  }
  await end;
}

/** Sends a signal to init. */
export function killContainer(context: Context, name: string, signal: number): void {
  const { record } = context.containers.get(name);
  if (signalInit(containerPaths(context.roots, record.id), signal)) return;
  throw new CurruntError("conflict", `signal container "${record.name}": it is not running`);
}

/** Removes a container with all it changed; undefined: `force`, and there was none. */
export async function removeContainer(
  context: Context,
  name: string,
  { force, volumes }: RemoveOptions,
): Promise<string | undefined> {
  const container = force ? context.containers.find(name) : context.containers.get(name);
  if (container === undefined) return undefined;
  const { record } = container;
  const paths = containerPaths(context.roots, record.id);
  if (force && isLocked(paths.lock)) {
    if (!signalInit(paths, SIGKILL)) refuseStarting(context, container, "remove");
    await endOf(context, record.id);
  }
  // One of -rm has removed itself meanwhile.
  if (context.containers.find(record.id) === undefined) return record.id;
  using lock = await lockAtRest(paths);
  if (lock === undefined) refuseRemoval(record.name, paths);
  try {
    context.containers.remove(record, { volumes });
  } catch (error) {
    throw wrap(error, `remove container "${record.name}"`);
  }
  return record.id;
}

function refuseRemoval(name: string, paths: ContainerPaths): never {
  if (!runs(paths)) {
    throw new CurruntError("conflict", `remove container "${name}": another command is changing it`);
  }
  throw new CurruntError("conflict", `remove container "${name}": it is running`, {
    hint: `stop it first with "currunt stop ${name}", or kill and remove it with -force`,
  });
}

/** Refuses what cannot be done to a container whose program does not run yet; one that has just ended passes. */
function refuseStarting({ roots, containers }: Context, { record }: Container, action: string): void {
  const paths = containerPaths(roots, record.id);
  const starting = isLocked(paths.lock) && !isThere(undefined, paths.state);
  // The end is recorded before the state goes.
  if (!starting || containers.find(record.id)?.status !== "running") return;
  throw new CurruntError("conflict", `${action} container "${record.name}": it is being started`, {
    hint: "try again in a moment",
  });
}

/**
 * Resolves when nothing is at work on the container any more: to the exit code if its monitor told it. The record of
 * one of -rm is gone by then.
 */
async function endOf({ roots, containers, onWarning }: Context, id: string): Promise<number | undefined> {
  const paths = containerPaths(roots, id);
  const exitCode = await observeEnd(paths);
  // The monitor is past its last message, or died: this does not block for long. It does when the container was only
  // being started when we came.
  waitForUnlock(paths.lock);
  recover(roots, containers, onWarning);
  return exitCode;
}
