/** What a client asks its new monitor to start. */
import type { ErrorKind } from "../base/error.ts";
import { CurruntError, explain, hintOf } from "../base/error.ts";
import type { Roots } from "../base/paths.ts";
import type { WindowSize } from "../sys/terminal.ts";
import type { ContainerRecord } from "./container.ts";

/** The first frame of the creating client. */
export interface StartRequest {
  readonly roots: Roots;
  readonly record: ContainerRecord;
  /** The client stays and gets the output. */
  readonly attach: boolean;
  /** Window of the client's terminal. */
  readonly size?: WindowSize;
}

/** An error on its way to another process. */
export interface Failure {
  readonly kind: ErrorKind;
  readonly message: string;
  readonly hint?: string;
  readonly exitCode?: number;
}

/** What of an error another process should know. */
export function failureOf(error: unknown): Failure {
  const hint = hintOf(error);
  const details = error instanceof CurruntError ? error : undefined;
  return {
    kind: details?.kind ?? "internal",
    message: explain(error),
    ...(hint === undefined ? {} : { hint }),
    ...(details?.exitCode === undefined ? {} : { exitCode: details.exitCode }),
  };
}

/** The error that another process told. */
export function errorOf({ kind, message, hint, exitCode }: Failure): CurruntError {
  return new CurruntError(kind, message, { hint, exitCode });
}
