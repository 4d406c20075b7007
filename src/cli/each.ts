/** Commands that take several names: one failure does not keep the others from being served. */
import { print } from "./output.ts";
import type { ReportStyle } from "./report.ts";
import { report } from "./report.ts";

export interface ForEachOptions {
  readonly order: "parallel" | "sequential";
  readonly style: ReportStyle;
}

/**
 * Calls `act` for each name, at once or one after the other, and prints what it resolves to (nothing when undefined), in the order of
 * the names. Failures are reported as they come up in that order; resolves to the exit code of the first one, else 0.
 */
export async function forEach(
  names: readonly string[],
  { order, style }: ForEachOptions,
  act: (name: string) => Promise<string | undefined>,
): Promise<number> {
  const started = order === "parallel" ? names.map((name) => settled(act(name))) : undefined;
  let exitCode = 0;
  for (const [index, name] of names.entries()) {
    const outcome = await (started?.[index] ?? settled(act(name)));
    if (outcome.status === "rejected") {
      const code = report(outcome.reason, style);
      exitCode ||= code;
    } else if (outcome.value !== undefined) await print(outcome.value);
  }
  return exitCode;
}

/** A failure is kept until it is asked for: without that it would be an unhandled rejection. */
async function settled<T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [outcome] = await Promise.allSettled([promise]);
  return outcome;
}
