/** A container in the foreground: signals go to its init, its end is ours. */
import { failedWith } from "../sys/error.ts";
import { becomeSubreaper, sendSignal } from "../sys/process.ts";
import type { ContainerOptions } from "./container.ts";
import { makeContainer } from "./container.ts";
import type { Init } from "./create.ts";
import { waitForInit } from "./wait.ts";

export interface ForegroundOptions {
  /** Leave the container's state when its program has ended. */
  readonly keep: boolean;
  /** Orphans of the container become our children. */
  readonly subreaper: boolean;
}

/** Runs the container to its end; the program's exit code, 128 and the signal when one killed it. */
export async function runForeground(
  options: Omit<ContainerOptions, "hold">,
  { keep, subreaper }: ForegroundOptions,
): Promise<number> {
  if (subreaper) becomeSubreaper();
  const { init } = await makeContainer({ ...options, hold: false });
  const exitCode = await followInit(init);
  if (!keep) {
    const { deleteContainer } = await import("./delete.ts");
    await deleteContainer(options.paths, { force: true });
  }
  return exitCode;
}

const forwarded = {
  ...{ SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGUSR1: 10, SIGUSR2: 12, SIGPIPE: 13, SIGALRM: 14, SIGTERM: 15 },
  ...{ SIGCONT: 18, SIGTSTP: 20, SIGTTIN: 21, SIGTTOU: 22, SIGWINCH: 28, SIGPWR: 30 },
} as const;

/** Stays with a process that was just started, its terminal joined to ours; its exit code. */
export async function followInit(init: Init): Promise<number> {
  if (init.terminal !== undefined) {
    const { relayTerminal } = await import("./relay.ts");
    return await relayTerminal(init.pid, init.terminal);
  }
  for (const [name, number] of Object.entries(forwarded)) {
    process.on(name as NodeJS.Signals, () => passOn(init, number));
  }
  return await waitForInit(init);
}

function passOn(init: Init, signal: number): void {
  try {
    sendSignal(init.pidfd, signal);
  } catch (error) {
    if (!failedWith(error, "ESRCH")) throw error;
  }
}
