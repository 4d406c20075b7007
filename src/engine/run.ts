/** `run`, `create` and `start`: from what was asked for to a program that runs. */
import { O_CREAT, O_EXCL, O_WRONLY } from "../../ffi/kernel.ts";
import { CurruntError, explain, wrap } from "../base/error.ts";
import type { Roots } from "../base/paths.ts";
import { containerPaths } from "../base/paths.ts";
import { makeDirectories, removeTree } from "../sys/directory.ts";
import { failedWith } from "../sys/error.ts";
import { openat, unlinkat, writeAll } from "../sys/file.ts";
import type { ContainerRecord } from "./container.ts";
import { checkName, newID } from "./container.ts";
import type { Context } from "./context.ts";
import { createContainer, refuseUnknownCapabilities } from "./create.ts";
import { relaxDurability } from "./database.ts";
import { limits, namespaces } from "./default-spec.ts";
import { settle } from "./exit.ts";
import type { Launched } from "./launch.ts";
import { launchMonitor, lockContainer } from "./launch.ts";
import { callerWindow } from "./local-streams.ts";
import type { PullWatch, RunOptions, StartOptions, StreamOptions } from "./options.ts";
import { isAlone, recover } from "./recover.ts";
import { prepareRoots } from "./roots.ts";
import type { Session } from "./session.ts";
import { prepareSession } from "./session.ts";
import { startProgram } from "./start.ts";
import type { Foreseen, StartRequest } from "./start-request.ts";
import type { RunResult, SessionEnd } from "./summary.ts";

/** Creates and starts a container. On failure nothing of it is left. */
export async function runContainer(
  roots: Roots,
  open: () => Promise<Context>,
  options: RunOptions,
  watch: PullWatch,
): Promise<RunResult> {
  if (options.name !== undefined) checkName(options.name);
  refuseUnknownCapabilities(options);
  const booted = prepareRoots(roots);
  const id = newID();
  using undo = new DisposableStack();
  undo.defer(() => removeTree(undefined, containerPaths(roots, id).run));
  undo.defer(() => removeTree(undefined, containerPaths(roots, id).directory));
  const launched = await launchMonitor(roots, id);
  undo.defer(() => {
    launched.socket.close();
    launched.lock.close();
  });
  const make = async () => {
    const context = await open();
    if (options.remove) relaxDurability(context.database);
    undo.defer(() => context.containers.forget(id));
    const record = await createContainer(context, id, options, { watch, status: "running" });
    undo.defer(() => context.containers.remove(record));
    if (options.cidFile !== undefined) writeCidFile(options.cidFile, id, undo);
    return { context, record };
  };
  const end = await startWith(roots, launched, {
    ...options,
    foreseen: foresee(id, options),
    make,
    onWarning: watch.onWarning,
    started: () => undo.move(),
    sweep: options.name === undefined && (booted || !isAlone(roots)),
  });
  return end === undefined ? { id } : { id, end };
}

/** As much of a container as its options alone tell. */
function foresee(id: string, options: RunOptions): Foreseen {
  const { network, terminal, interactive, remove } = options;
  const process = { terminal, user: { uid: 0, gid: 0 }, args: [], cwd: "/" };
  const linux = { namespaces: namespaces(network), ...limits(id, options) };
  return { id, interactive, remove, spec: { ociVersion: "1.3.0", process, linux } };
}

/** Creates a container without a monitor. On failure nothing of it is left. */
export async function createOnly(context: Context, options: RunOptions, watch: PullWatch): Promise<string> {
  if (options.name !== undefined) checkName(options.name);
  refuseUnknownCapabilities(options);
  const id = newID();
  const paths = containerPaths(context.roots, id);
  using undo = new DisposableStack();
  undo.defer(() => context.containers.removeFiles(id));
  // What the sweep respects; there is no monitor to hold it.
  using _lock = lockContainer(context.roots, paths);
  const record = await createContainer(context, id, options, { watch, status: "created" });
  undo.defer(() => context.containers.remove(record));
  if (options.cidFile !== undefined) writeCidFile(options.cidFile, id, undo);
  removeTree(undefined, paths.run);
  undo.move();
  return id;
}

/** Starts a container that is there. One that fails to start is as it was. */
export async function startContainerAgain(
  context: Context,
  name: string,
  options: StartOptions,
): Promise<RunResult> {
  const { id } = context.containers.get(name).record;
  const launched = await launchMonitor(context.roots, id);
  using undo = new DisposableStack();
  undo.defer(() => removeTree(undefined, launched.paths.run));
  undo.defer(() => {
    launched.socket.close();
    launched.lock.close();
  });
  // Looked up again: between the first look and the lock it may have been removed, or have ended.
  settle(context.containers, launched.paths, context.containers.get(id));
  makeDirectories(launched.paths.run, 0o700);
  const container = context.containers.get(id);
  const { record } = container;
  context.containers.markRunning(id);
  undo.defer(() => context.containers.restoreStatus(container));
  const { attach, interactive, detachKeys } = options;
  const end = await startWith(context.roots, launched, {
    foreseen: record,
    make: async () => ({ context, record }),
    attach,
    interactive: interactive && record.interactive,
    terminal: record.terminal,
    ...(detachKeys === undefined ? {} : { detachKeys }),
    started: () => undo.move(),
    sweep: false,
  });
  return end === undefined ? { id } : { id, end };
}

interface StartWithOptions extends StreamOptions, Pick<StartRequest, "onWarning" | "foreseen" | "attach"> {
  readonly make: () => Promise<{ readonly context: Context; readonly record: ContainerRecord }>;
  readonly started: () => void;
  /** Put right what was broken off before, while the program is started. */
  readonly sweep: boolean;
}

/** Undefined: it was left in the background. */
async function startWith(
  roots: Roots,
  launched: Launched,
  options: StartWithOptions,
): Promise<SessionEnd | undefined> {
  const { socket, paths } = launched;
  const { attach, foreseen, onWarning } = options;
  using undo = new DisposableStack();
  let context: Context | undefined;
  let session: Session | undefined;
  const record = async () => {
    const made = await options.make();
    context = made.context;
    return made.record;
  };
  const meanwhile = (made: ContainerRecord) => {
    const ended = () => context?.containers.removeRecord(made);
    if (attach) session = undo.use(prepareSession(socket, paths, { ...options, ended }));
    if (options.sweep && context !== undefined) sweepNow(context, onWarning);
  };
  const terminal = foreseen.spec.process?.terminal === true;
  await startProgram(launched, {
    roots,
    foreseen,
    record,
    attach,
    meanwhile,
    onWarning,
    size: terminal ? callerWindow() : undefined,
  });
  options.started();
  session?.started({ terminal });
  const end = await session?.end();
  // The monitor has removed them, unless something was in its way.
  if (foreseen.remove && end?.kind === "exited") context?.containers.removeFiles(foreseen.id);
  return end;
}

/** The program is about to run: what cannot be put right now is left to the next command. */
function sweepNow({ roots, containers }: Context, onWarning: StartRequest["onWarning"]): void {
  try {
    recover(roots, containers, onWarning);
  } catch (error) {
    onWarning?.(`clean up after earlier commands: ${explain(error)}`);
  }
}

function writeCidFile(path: string, id: string, undo: DisposableStack): void {
  try {
    using file = openat(undefined, path, O_WRONLY | O_CREAT | O_EXCL, 0o644);
    undo.defer(() => unlinkat(undefined, path));
    writeAll(file, Buffer.from(id));
  } catch (error) {
    if (!failedWith(error, "EEXIST")) throw wrap(error, `write the ID to ${JSON.stringify(path)}`);
    throw new CurruntError("exists", `write the ID to ${JSON.stringify(path)}: the file exists`, {
      hint: "it may belong to another container: remove it, or give another -cidfile",
    });
  }
}
