/** Starts the program of a container that was created. */
import { CurruntError } from "../base/error.ts";
import { openFifoWriter, waitUntilUnread } from "../sys/fifo.ts";
import { unlinkat, writeAll } from "../sys/file.ts";
import { claimDirectory } from "../sys/lease.ts";
import { isThere } from "../sys/stat.ts";
import { runPoststartHooks } from "./on-demand.ts";
import { readSpec } from "./saved-spec.ts";
import type { Spec } from "./spec.ts";
import type { ContainerState } from "./state.ts";
import { processStatus, readState } from "./state.ts";
import type { StatePaths } from "./state-root.ts";

/** How long to wait for the end of a container that cannot be started. */
const patienceMs = 10_000;

export interface StartOptions {
  /** The caller's systemd, which waits to hear that the program is ready. */
  readonly notifySocket: string | undefined;
  /** True: the executable's entry has told init to go on, and the program could not be run. */
  readonly begun: boolean;
}

/** Resolves when the program runs and the poststart hooks have ended. */
export async function startCreated(paths: StatePaths, { notifySocket, begun }: StartOptions): Promise<void> {
  const state = readState(paths);
  // Held while we start it: of two commands that start, one does.
  using lock = claimDirectory(paths.directory);
  if (lock === undefined) throw new CurruntError("conflict", "another command is starting the container");
  const spec = readSpec(paths);
  if (spec.process === undefined) {
    const { endContainer } = await import("./kill.ts");
    // A start that fails ends the container (runtime.md, Lifecycle).
    await endContainer(state, patienceMs);
    throw new CurruntError("invalid", "cannot start a container without a process: its config.json has none");
  }
  if (begun) await throwFailure(paths, spec);
  const readiness = await listen(paths, notifySocket);
  {
    using fifo = openFifoWriter(paths.fifo);
    if (fifo === undefined) throw notCreated(paths, state);
    writeAll(fifo, new Uint8Array(1));
    waitUntilUnread(fifo);
  }
  unlinkat(undefined, paths.fifo);
  await throwFailure(paths, spec);
  await runHooks(paths, spec, state);
  await readiness?.(state);
}

/** For a caller whose systemd waits: what comes back waits for the program to be ready, and passes that on. */
async function listen(
  paths: StatePaths,
  notifySocket: string | undefined,
): Promise<((state: ContainerState) => Promise<void>) | undefined> {
  if (notifySocket === undefined || !isThere(undefined, `${paths.directory}/notify`)) return undefined;
  const { listenForReadiness, relayReadiness } = await import("./notify.ts");
  const socket = listenForReadiness(paths);
  return async (state) => {
    using listening = socket;
    const { openInit } = await import("./kill.ts");
    using pidfd = openInit(state);
    if (pidfd !== undefined) relayReadiness(listening, notifySocket, { pid: state.pid, pidfd });
  };
}

/** A hook that fails ends the container (runtime.md, Lifecycle). */
async function runHooks(paths: StatePaths, spec: Spec, { id, bundle, pid }: ContainerState): Promise<void> {
  try {
    await runPoststartHooks({ id, spec, bundle }, pid);
  } catch (error) {
    const { deleteContainer } = await import("./delete.ts");
    await deleteContainer(paths, { force: true });
    throw error;
  }
}

/** runc's words, which callers know. */
function notCreated(paths: StatePaths, state: ContainerState): CurruntError {
  const status = processStatus(paths, state);
  return new CurruntError(
    "conflict",
    status === "stopped"
      ? "cannot start a container that has stopped"
      : status === "creating"
        ? "cannot start a container that is being created"
        : "cannot start an already running container",
  );
}

/** The program may be one that the kernel cannot execute. */
async function throwFailure(paths: StatePaths, spec: Spec): Promise<void> {
  const { readFailure } = await import("../sys/shim-failure.ts");
  const failure = readFailure(paths.failure);
  if (failure === undefined) return;
  if (failure.operation !== "execve" && failure.operation !== "hook") throw failure;
  const { explainExec, explainHook } = await import("./explain.ts");
  if (failure.operation === "hook") throw explainHook(failure);
  throw explainExec(failure, spec.process?.args[0] ?? "");
}
