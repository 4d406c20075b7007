/** Runs a plan with what it needs passed along. */
import type { Fd } from "../sys/fd.ts";
import { receiveWithDescriptors } from "../sys/rights.ts";
import type { PartMaker, PlanOptions } from "../sys/shim.ts";
import { runPlan, StepError } from "../sys/shim.ts";
import { packetPair } from "../sys/socket.ts";
import type { SpawnOptions } from "../sys/spawn.ts";
import type { Draft } from "./draft.ts";

/** What the program's streams are connected to. The caller keeps its descriptors and closes them. */
export type Stdio = "inherit" | { readonly stdin: Fd; readonly stdout: Fd; readonly stderr: Fd };

/** What another process needs to start the shim. */
export interface DelegatedSpawn extends SpawnOptions {
  /** The terminal's master comes through this, to whoever has it, when the plan makes a terminal. */
  readonly terminal?: Fd | undefined;
}

/** A process that runs inside a container; a child of the caller, who waits for it. Disposing closes the descriptors. */
export interface Init extends Disposable {
  /** As the host sees it. */
  readonly pid: number;
  readonly pidfd: Fd;
  /** Master of the pty; close-on-exec. Of an init that another process started, that process has it. */
  readonly terminal: Fd | undefined;
}

export interface CarryOutOptions {
  readonly rootfs?: Fd | undefined;
  /** The process whose namespaces are joined: slot 0. */
  readonly init?: Fd | undefined;
  /** The cgroup that is cloned into. */
  readonly cgroup?: Fd | undefined;
  readonly stdio: Stdio;
  /** Has another process start the shim. */
  readonly spawn?: ((options: DelegatedSpawn) => void) | undefined;
  readonly meanwhile?: PlanOptions["meanwhile"];
  readonly hold?: { readonly fifo: Fd; readonly failure: Fd } | undefined;
  readonly preserved?: readonly Fd[] | undefined;
  readonly onSync?: PlanOptions["onSync"];
  readonly onListener?: PlanOptions["onListener"];
}

/** Runs a plan with what it needs passed along, and makes an Init of what comes back. */
export async function carryOut(
  draft: Draft,
  rest: readonly PartMaker[],
  {
    rootfs,
    init,
    cgroup,
    stdio,
    spawn,
    hold,
    meanwhile,
    preserved = [],
    onSync,
    onListener,
  }: CarryOutOptions,
): Promise<Init> {
  using cleanup = new DisposableStack();
  const [near, far] = draft.inputs.includes("terminal") ? packetPair() : [];
  if (near !== undefined) cleanup.use(near);
  if (far !== undefined) cleanup.use(far);
  const passed = { terminal: far, rootfs, init, cgroup, fifo: hold?.fifo, failure: hold?.failure };
  let next = 0;
  const fds = draft.inputs.flatMap((input) => {
    return (input === "preserved" ? preserved[next++] : passed[input]) ?? [];
  });
  try {
    const delegated = spawn && ((shim: SpawnOptions) => spawn({ ...shim, terminal: near }));
    const { pid, pidfd } = await runPlan({
      fds,
      steps: draft.take(),
      rest,
      meanwhile,
      stdio,
      spawn: delegated,
      onSync,
      onListener,
    });
    const terminal =
      near === undefined || spawn !== undefined ? undefined : receiveWithDescriptors(near, 1).fds[0];
    const close = () => {
      pidfd.close();
      terminal?.close();
    };
    return { pid, pidfd, terminal, [Symbol.dispose]: close };
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    const { explainStep } = await import("./explain.ts");
    throw explainStep(error, draft.steps);
  }
}
