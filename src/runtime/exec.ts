/** Runs a further process in a running container, confined as its init is. */
import { CurruntError } from "../base/error.ts";
import type { Init, Stdio } from "./create.ts";
import type { Process, Spec } from "./spec.ts";

export interface ExecOptions {
  /** The container's init, as the host sees it. The caller has made sure that it still is that process. */
  readonly pid: number;
  readonly process: Process;
  /** The container's spec: its seccomp profile holds for the new process too. */
  readonly spec: Spec;
  /** Ignored with `process.terminal`. */
  readonly stdio: Stdio;
  readonly deathSignal?: number | undefined;
}

/** Joins all of init's namespaces and executes; resolves once the program runs. Exit codes as in `startContainer`. */
export function execInContainer(options: ExecOptions): Promise<Init> {
  return Promise.reject(
    new CurruntError("unsupported", `execute ${JSON.stringify(options.process.args)}: not built yet`),
  );
}
