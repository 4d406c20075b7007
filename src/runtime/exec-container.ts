/** `exec` of the OCI runtime: a further process in a container that this or another command made. */
import { CurruntError, wrap } from "../base/error.ts";
import type { Fd } from "../sys/fd.ts";
import { sendSignal, waitForEnd } from "../sys/process.ts";
import type { Init } from "./carry-out.ts";
import { execInContainer } from "./exec.ts";
import { cgroupForExec } from "./exec-cgroup.ts";
import { handOver, wantsPlainTerminal } from "./hand-over.ts";
import { readSpec } from "./saved-spec.ts";
import type { Process, Spec } from "./spec.ts";
import { readState, statusOf } from "./state.ts";
import type { StatePaths } from "./state-root.ts";

const SIGKILL = 9;

export interface ExecContainerOptions {
  readonly paths: StatePaths;
  /** What to run, given what the container's own program is. */
  readonly processFor: (spec: Spec) => Process;
  /** Whether the caller has a way to the terminal that such a process may have; throws when not. */
  readonly check: (process: Process) => void;
  readonly ignorePaused: boolean;
  /** Cgroups below the container's: "[CONTROLLER,…:]PATH". */
  readonly cgroups: readonly string[];
  readonly pidFile?: string | undefined;
  readonly console?: Fd | undefined;
  readonly pidfdReceiver?: Fd | undefined;
  readonly preserved: readonly Fd[];
}

/** Resolves once the program runs. Exit codes as in `startContainer`. */
export async function execIn(options: ExecContainerOptions): Promise<Init> {
  const { paths, preserved } = options;
  const state = readState(paths);
  const status = await statusOf(paths, state);
  if (status === "stopped" || status === "creating") {
    throw new CurruntError("conflict", `cannot exec in a ${status} container`);
  }
  if (status === "paused" && !options.ignorePaused) {
    throw new CurruntError("conflict", "cannot exec in a paused container (use --ignore-paused to override)");
  }
  const spec = readSpec(paths);
  const process = options.processFor(spec);
  options.check(process);
  using cgroup = cgroupForExec(state.cgroup, options.cgroups);
  const program = await execInContainer({
    pid: state.pid,
    process,
    spec,
    stdio: "inherit",
    plainTerminal: wantsPlainTerminal(process, options),
    filters: paths.filters,
    cgroup,
    container: { id: state.id, bundle: state.bundle },
    preserved,
  });
  try {
    await handOver(program, options);
    return program;
  } catch (error) {
    sendSignal(program.pidfd, SIGKILL);
    waitForEnd(program.pid);
    throw wrap(error, "exec");
  }
}
