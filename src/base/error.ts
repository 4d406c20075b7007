/** The one error type: a kind for code, a message and a hint for people, a chain of causes. */

/** What went wrong, as far as a caller can act on it. Exit codes and gRPC statuses are tables over this. */
export type ErrorKind =
  | "invalid"
  | "not-found"
  | "exists"
  | "conflict"
  | "denied"
  | "unsupported"
  | "unavailable"
  | "internal";

export interface ErrorDetails {
  /** What the reader can do about it: a sentence without a full stop. */
  hint?: string | undefined;
  cause?: unknown;
  /** Exit code that the command line uses instead of the kind's own (126, 127 …). */
  exitCode?: number | undefined;
}

export class CurruntError extends Error {
  override readonly name: string = "CurruntError";
  readonly kind: ErrorKind;
  readonly hint: string | undefined;
  readonly exitCode: number | undefined;

  /** `message`: lower case, no full stop, the action being done; strings quoted; a colon before the detail. */
  constructor(kind: ErrorKind, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.hint = details.hint;
    this.exitCode = details.exitCode;
  }
}

/**
 * Makes `instanceof type` true for the instances of every copy of the class. The executable is built in parts (build.ts), each
 * with its own copy of what it uses, and errors pass from one to the other. A class that extends `type` is not affected.
 */
export function recognizeCopies(type: { readonly prototype: object }, name: string): void {
  const brand = Symbol.for(`currunt.${name}`);
  const usual = Function.prototype[Symbol.hasInstance];
  Object.defineProperty(type.prototype, brand, { value: true });
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this !== type) return usual.call(this, value);
      return typeof value === "object" && value !== null && brand in value;
    },
  });
}

recognizeCopies(CurruntError, "CurruntError");

/** `error` seen from one layer up: adds what was being done, keeps kind, hint and exit code. */
export function wrap(error: unknown, action: string): CurruntError {
  const root = firstFailure(error);
  return root instanceof CurruntError
    ? new CurruntError(root.kind, action, {
        cause: error,
        hint: root.hint,
        exitCode: root.exitCode,
      })
    : new CurruntError("internal", action, { cause: error });
}

/** The chain of messages on one line, from the outermost action to the first failure. */
export function explain(error: unknown): string {
  const failure = firstFailure(error);
  if (!(failure instanceof Error)) return String(failure);
  const message = failure.message === "" ? failure.name : failure.message;
  const chain = failure.cause === undefined ? message : `${message}: ${explain(failure.cause)}`;
  return error instanceof SuppressedError
    ? `${chain} (cleaning up failed too: ${explain(error.error)})`
    : chain;
}

/** The hint of the innermost error that has one. */
export function hintOf(error: unknown): string | undefined {
  const failure = firstFailure(error);
  return failure instanceof CurruntError ? failure.hint : undefined;
}

/** A failed cleanup hides the failure that led to it: look behind it. */
function firstFailure(error: unknown): unknown {
  return error instanceof SuppressedError ? firstFailure(error.suppressed) : error;
}
