/** Starts a container's program: all the work is done here, in the client; the monitor becomes its parent. */
import { SIGKILL } from "../../ffi/kernel.ts";
import { containerPaths } from "../base/paths.ts";
import { startContainer } from "../runtime/create.ts";
import { sendSignal } from "../sys/process.ts";
import { sendWithDescriptors } from "../sys/rights.ts";
import { encodeJson } from "./attach-protocol.ts";
import type { Charge, Started } from "./charge.ts";
import { listDescriptors } from "./charge.ts";
import type { Launched } from "./launch.ts";
import { prepare } from "./prepare.ts";
import { writeRunState } from "./run-state.ts";
import type { StartRequest } from "./start-request.ts";
import type { Pipes } from "./stdio.ts";
import { closeProgramEnds, openPipes } from "./stdio.ts";

/** Resolves once the program runs and its monitor has been told. On failure no process is left but the monitor, which ends when `socket` is closed. */
export async function startProgram({ socket, lock }: Launched, request: StartRequest): Promise<void> {
  const { record, roots } = request;
  using undo = new DisposableStack();
  undo.use(lock);
  const { root, spec, defaultSeccomp } = await prepare(request);
  undo.use(root);
  const { uid = 0, gid = 0 } = spec.process?.user ?? {};
  const pipes = record.terminal ? undefined : openPipes({ input: record.interactive, uid, gid });
  if (pipes !== undefined) undo.defer(() => closePipes(pipes));
  const { id, terminal, interactive, remove, anonymousVolumes } = record;
  const charge: Charge = {
    roots,
    record: { id, terminal, interactive, remove, anonymousVolumes },
    attach: request.attach,
  };
  using init = await startContainer({
    id,
    spec,
    bundle: containerPaths(roots, id).directory,
    rootfs: root,
    defaultSeccomp,
    stdio: pipes?.program ?? "inherit",
    deathSignal: SIGKILL,
    spawn: (shim) => {
      const fds = listDescriptors({ lock, shim, ours: pipes?.ours });
      sendWithDescriptors(socket, encodeJson("begin", charge), fds);
    },
  });
  try {
    writeRunState(containerPaths(roots, id), id, init.pid);
    const started: Started = { pid: init.pid };
    const terminal = init.terminal === undefined ? [] : [init.terminal];
    sendWithDescriptors(socket, encodeJson("started", started), terminal);
  } catch (error) {
    // The monitor's end is not enough: it may have died before init asked for the signal.
    sendSignal(init.pidfd, SIGKILL);
    throw error;
  }
}

/** The monitor and the program have theirs by now. */
function closePipes(pipes: Pipes): void {
  closeProgramEnds(pipes);
  for (const fd of [pipes.ours.stdin, pipes.ours.stdout, pipes.ours.stderr]) fd?.close();
}
