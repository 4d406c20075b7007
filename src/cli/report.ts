/** How a failure ends the program: one line with the chain of causes, a hint, and the exit code of its kind. */
import type { ErrorKind } from "../base/error.ts";
import { CurruntError, explain, hintOf } from "../base/error.ts";
import type { Values } from "./flag.ts";
import type { globalFlags } from "./global.ts";
import { brokenPipe, OutputClosed, printable, tell } from "./output.ts";

/**
 * Exit code by kind. All are 125, so that a script can tell our failures from the exit codes of a container's program
 * (docker's and podman's rule for `run` and `exec`, kept for every command); an error may carry its own (126, 127, 1).
 */
const exitCodes = {
  invalid: 125,
  "not-found": 125,
  exists: 125,
  conflict: 125,
  denied: 125,
  unsupported: 125,
  unavailable: 125,
  internal: 125,
} as const satisfies Record<ErrorKind, number>;

/** The form in which a command line wants its errors. */
export interface ReportStyle {
  /** A JSON object instead of text. */
  readonly json: boolean;
  /** With the place in the code. */
  readonly debug: boolean;
}

/** The style that the global flags ask for. */
export function reportStyle(flags: Pick<Values<typeof globalFlags>, "log-format" | "debug">): ReportStyle {
  return { json: flags["log-format"] === "json", debug: flags.debug };
}

/** As `reportStyle`, for a command line that cannot be parsed. */
export function guessedStyle(argv: readonly string[]): ReportStyle {
  const line = argv.join("\0");
  return {
    json: /(^|\0)--?log-format(=|\0)json(\0|$)/.test(line),
    debug: /(^|\0)--?debug(\0|$)/.test(line),
  };
}

/** Writes `error` to standard error; returns the exit code. */
export function report(error: unknown, style: ReportStyle): number {
  if (error instanceof OutputClosed) return brokenPipe;
  tell(style.json ? jsonLine(error) : textLines(error));
  if (style.debug && error instanceof Error) tell(error.stack ?? "");
  return exitCodeOf(error);
}

/** Exit code that `error` ends the program with. */
export function exitCodeOf(error: unknown): number {
  const failure = error instanceof SuppressedError ? error.suppressed : error;
  return failure instanceof CurruntError ? (failure.exitCode ?? exitCodes[failure.kind]) : exitCodes.internal;
}

function textLines(error: unknown): string {
  const hint = hintOf(error);
  return printable(`currunt: ${explain(error)}${hint === undefined ? "" : `\nhint: ${hint}`}`);
}

/** One JSON object on a line. `code` is the error's kind: stable, for programs; `msg` and `hint` are for people. */
function jsonLine(error: unknown): string {
  const failure = error instanceof SuppressedError ? error.suppressed : error;
  return JSON.stringify({
    level: "error",
    msg: explain(error),
    time: new Date().toISOString(),
    code: failure instanceof CurruntError ? failure.kind : "internal",
    hint: hintOf(error),
  });
}
