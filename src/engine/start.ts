/** Starts a container's program: all the work is done here, in the client; the monitor becomes its parent. */
import { SIGKILL } from "../../ffi/kernel.ts";
import type { ContainerPaths } from "../base/paths.ts";
import type { Cgroup } from "../runtime/cgroup/cgroup.ts";
import { startContainer } from "../runtime/create.ts";
import { handOver } from "../sys/monitor.ts";
import { sendSignal } from "../sys/process.ts";
import { sendWithDescriptors } from "../sys/rights.ts";
import { encodeFrame } from "./attach-protocol.ts";
import type { ContainerRecord } from "./container.ts";
import { removalArguments } from "./exit.ts";
import type { Launched } from "./launch.ts";
import { prepare } from "./prepare.ts";
import { prepareRunState } from "./run-state.ts";
import type { Foreseen, StartRequest } from "./start-request.ts";

/** Resolves once the program runs and its monitor has been told. On failure no process is left but the monitor, which ends when `socket` is closed. */
export async function startProgram(
  { socket, lock, paths }: Launched,
  { foreseen, roots, size, onWarning, ...request }: StartRequest,
): Promise<void> {
  using undo = new DisposableStack();
  undo.use(lock);
  const { id, interactive: input, remove } = foreseen;
  const { attach: attached } = request;
  const cgroup = await cgroupOf(foreseen, paths);
  undo.defer(() => cgroup?.[Symbol.dispose]());
  let record: ContainerRecord | undefined;
  let showRunState: (() => void) | undefined;
  const { directory, run } = paths;
  const starting = startContainer({
    id,
    cgroup,
    spec: foreseen.spec,
    bundle: directory,
    stdio: "inherit",
    deathSignal: SIGKILL,
    complete: async () => {
      record = await request.record();
      const { root: rootfs, ...rest } = await prepare({ record, roots, size, onWarning });
      return { rootfs: undo.use(rootfs), ...rest };
    },
    meanwhile: async (pidOfInit) => {
      if (record !== undefined) request.meanwhile?.(record);
      showRunState = prepareRunState(paths, id, await pidOfInit(), cgroup?.state);
    },
    spawn: ({ socket: plan, terminal }) => {
      const removal = remove ? removalArguments(roots, id) : undefined;
      handOver(socket, { directory, run, lock, plan, terminal, input, attached, removal });
    },
  });
  // Its processes have ended when it fails.
  using init = await starting.catch(async (error) => {
    await cgroup?.remove();
    throw error;
  });
  try {
    showRunState?.();
    sendWithDescriptors(socket, encodeFrame("started"), []);
  } catch (error) {
    // The monitor's end is not enough: it may have died before init asked for the signal.
    sendSignal(init.pidfd, SIGKILL);
    throw error;
  }
}

/** A container without limits goes without: making one would take it two milliseconds. */
async function cgroupOf({ id, spec }: Foreseen, { run }: ContainerPaths): Promise<Cgroup | undefined> {
  if (spec.linux?.resources === undefined) return undefined;
  const { makeCgroup } = await import("./cgroup.ts");
  return await makeCgroup(id, spec, run);
}
