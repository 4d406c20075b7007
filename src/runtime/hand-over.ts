/** What the caller of `create`, `run` and `exec` gets of a new process: its terminal, its pidfd, its pid. */
import { posix } from "node:path";
import { wrap } from "../base/error.ts";
import type { Fd } from "../sys/fd.ts";
import { replaceSmallFile } from "../sys/small-file.ts";
import { isTerminal } from "../sys/terminal.ts";
import type { Init } from "./carry-out.ts";
import type { Process } from "./spec.ts";

export interface Receivers {
  /** Socket that the terminal goes through; without it the caller gets it with the result. */
  readonly console?: Fd | undefined;
  /** Socket that the pidfd goes through. */
  readonly pidfdReceiver?: Fd | undefined;
  /** Absolute. */
  readonly pidFile?: string | undefined;
}

/**
 * Whether what the program writes on its terminal goes on to a file or a pipe of ours, and not to a receiver that knows about
 * terminals: as from runc, it is what the program wrote then.
 */
export function wantsPlainTerminal(process: Process | undefined, { console }: Receivers): boolean {
  return process?.terminal === true && console === undefined && !isTerminal(1);
}

/** The pid file comes last, as a sign that all is done; whoever waits for it sees it whole, or not at all. */
export async function handOver(
  init: Init,
  { console: receiver, pidfdReceiver, pidFile }: Receivers,
): Promise<void> {
  if (receiver !== undefined || pidfdReceiver !== undefined) {
    const { sendDescriptor } = await import("./console.ts");
    if (receiver !== undefined && init.terminal !== undefined) {
      sendDescriptor(receiver, init.terminal, "/dev/ptmx");
      init.terminal.close();
    }
    if (pidfdReceiver !== undefined) sendDescriptor(pidfdReceiver, init.pidfd, "pidfd");
  }
  if (pidFile === undefined) return;
  try {
    replaceSmallFile(posix.dirname(pidFile), posix.basename(pidFile), String(init.pid), 0o644);
  } catch (error) {
    throw wrap(error, `write the pid file ${JSON.stringify(pidFile)}`);
  }
}
