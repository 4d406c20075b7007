/** Starts a container: compiles its spec to a plan and has the shim carry it out. */
import { CurruntError } from "../base/error.ts";
import type { Fd } from "../sys/fd.ts";
import type { Spec } from "./spec.ts";

/** What the program's streams are connected to. The caller keeps its descriptors and closes them. */
export type Stdio = "inherit" | { readonly stdin: Fd; readonly stdout: Fd; readonly stderr: Fd };

export interface CreateOptions {
  readonly id: string;
  readonly spec: Spec;
  /** Directory that relative paths of the spec start from; absolute. */
  readonly bundle: string;
  /** A detached mount that becomes the root; without it `spec.root.path` is bound. The caller closes it. */
  readonly rootfs?: Fd | undefined;
  /** Ignored with `spec.process.terminal`: the pty's master comes back then. */
  readonly stdio: Stdio;
  /** Signal that init gets when the calling process dies (`man 2 PR_SET_PDEATHSIG`). */
  readonly deathSignal?: number | undefined;
}

/** A process that runs inside a container; a child of the caller, who waits for it. */
export interface Init extends Disposable {
  /** As the host sees it. */
  readonly pid: number;
  readonly pidfd: Fd;
  /** Master of the pty; non-blocking, close-on-exec. */
  readonly terminal?: Fd | undefined;
}

/**
 * Clones, sets up and executes; resolves once the program itself runs. On failure nothing is left.
 * A program that is not found fails with exit code 127, one that cannot be executed with 126.
 */
export function startContainer(options: CreateOptions): Promise<Init> {
  return Promise.reject(new CurruntError("unsupported", `start container "${options.id}": not built yet`));
}
