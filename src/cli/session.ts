/** What commands that join a program's streams have in common: terminal check, exit code, shared flags. */
import { CurruntError } from "../base/error.ts";
import type { SessionEnd } from "../engine/summary.ts";

/** The exit code that a session ends the command with: leaving by the detach keys is success. */
export function exitCodeOfEnd(end: SessionEnd): number {
  return end.kind === "detached" ? 0 : end.exitCode;
}

/** A program with a terminal and standard input needs a terminal here, or nobody can press its keys. */
export async function refuseMissingTerminal(options: {
  interactive: boolean;
  terminal: boolean;
}): Promise<void> {
  if (!options.interactive || !options.terminal) return;
  const { isStreamTerminal } = await import("../engine/terminal.ts");
  if (isStreamTerminal("stdin")) return;
  throw new CurruntError(
    "invalid",
    "-interactive and -tty were given, and standard input is not a terminal",
    {
      hint: "leave -tty out to pass standard input on as it is",
    },
  );
}

/** Of run, start, attach and exec. */
export const detachKeysFlag = {
  type: "string",
  metavar: "KEYS",
  help: "keys that leave the program running; ctrl-p,ctrl-q unless given",
} as const;
