/** How an OCI command tells what went wrong: on standard error for people, in the log file for the caller. */
import { CurruntError, explain, hintOf } from "../base/error.ts";
import { appendLine } from "../runtime/log-file.ts";
import type { OciGlobals } from "./oci-command.ts";
import { brokenPipe, OutputClosed, printable, tell } from "./output.ts";

type LogFlags = Pick<OciGlobals, "log" | "log-format" | "debug">;

/** Writes `error` to standard error and to the log of `globals`; returns the exit code, `failureCode` as a rule. */
export function reportOci(error: unknown, globals: LogFlags | undefined, failureCode: number): number {
  if (error instanceof OutputClosed) return brokenPipe;
  const hint = hintOf(error);
  const failure = error instanceof SuppressedError ? error.suppressed : error;
  const code = failure instanceof CurruntError ? failure.kind : "internal";
  tell(printable(`currunt: ${explain(error)}${hint === undefined ? "" : `\nhint: ${hint}`}`));
  if (globals?.debug === true && error instanceof Error) tell(error.stack ?? "");
  log(globals, { level: "error", msg: explain(error), code, ...(hint === undefined ? {} : { hint }) });
  return failureCode;
}

/** Writes a warning to the log; to standard error when there is none. */
export function warnOci(message: string, globals: LogFlags): void {
  if (globals.log === undefined) tell(printable(`currunt: warning: ${message}`));
  else log(globals, { level: "warning", msg: message });
}

interface Entry {
  readonly level: "error" | "warning";
  readonly msg: string;
  /** Kind of the error: stable, for programs. */
  readonly code?: string;
  readonly hint?: string;
}

function log(globals: LogFlags | undefined, entry: Entry): void {
  if (globals?.log === undefined || globals.log === "") return;
  const { level, ...rest } = entry;
  const time = new Date().toISOString();
  const line =
    globals["log-format"] === "json"
      ? JSON.stringify({ level, ...rest, time })
      : Object.entries({ time, level, ...rest })
          .map(([key, value]) => `${key}=${/^[\w:.-]+$/.test(value) ? value : JSON.stringify(value)}`)
          .join(" ");
  try {
    appendLine(globals.log, line);
  } catch (failure) {
    // What went wrong has been told already; where it cannot be logged is one more line.
    tell(printable(`currunt: write the log: ${explain(failure)}`));
  }
}
