/** Makes a container from a bundle, for `create` and for `run`: state directory, init, terminal, pid file. */
import { CurruntError } from "../base/error.ts";
import { makeDirectories, makeNewDirectory, removeTree } from "../sys/directory.ts";
import type { Fd } from "../sys/fd.ts";
import { makeFifo } from "../sys/fifo.ts";
import { sendSignal, startTimeOf, waitForEnd } from "../sys/process.ts";
import { openNewFile } from "../sys/small-file.ts";
import type { Bundle } from "./bundle.ts";
import { rootfsOf } from "./bundle.ts";
import type { Init } from "./create.ts";
import { startContainer } from "./create.ts";
import type { Receivers } from "./hand-over.ts";
import { handOver } from "./hand-over.ts";
import { saveSpec } from "./saved-spec.ts";
import type { ContainerState } from "./state.ts";
import { saveState } from "./state.ts";
import type { StatePaths } from "./state-root.ts";

const SIGKILL = 9;

export interface ContainerOptions extends Receivers {
  readonly id: string;
  readonly paths: StatePaths;
  readonly bundle: Bundle;
  /** True: stop before the program, which `start` runs. */
  readonly hold: boolean;
  /** Passed on as 3, 4 … */
  readonly preserved: readonly Fd[];
}

/** The container's init, and how the container is known from here on. */
export interface Made {
  readonly init: Init;
  readonly state: ContainerState;
}

/** Creates the container; on failure nothing is left. */
export async function makeContainer(options: ContainerOptions): Promise<Made> {
  const { paths, bundle, hold } = options;
  claimDirectory(paths);
  using undo = new DisposableStack();
  undo.defer(() => removeTree(undefined, paths.directory));
  const first = firstState(options);
  saveState(paths, first);
  saveSpec(paths, bundle.spec);
  using fifo = hold ? makeFifo(paths.fifo) : undefined;
  using failure = hold ? openNewFile(paths.failure, 0o600) : undefined;
  let state = first;
  const init = await startContainer({
    id: options.id,
    spec: bundle.spec,
    bundle: bundle.directory,
    stdio: "inherit",
    hold: fifo === undefined || failure === undefined ? undefined : { fifo, failure },
    preserved: options.preserved,
    onCloned: (pid) => {
      state = withInit(first, pid);
      saveState(paths, state);
    },
  });
  undo.defer(() => endInit(init));
  await handOver(init, options);
  undo.move();
  return { init, state };
}

/** Takes the container's directory, so that no other creation can; one that is there has the ID already. */
function claimDirectory({ root, directory }: StatePaths): void {
  makeDirectories(root, 0o700);
  if (makeNewDirectory(directory, 0o711)) return;
  const id = JSON.stringify(directory.slice(root.length + 1));
  throw new CurruntError("exists", `container with given ID already exists: ${id}`, {
    hint: `"currunt delete" removes it when it has ended`,
  });
}

/** The state before there is an init: until then the process that creates it stands for it. */
function firstState({ id, bundle }: ContainerOptions): ContainerState {
  const { spec, directory } = bundle;
  return {
    id,
    ociVersion: spec.ociVersion,
    bundle: directory,
    rootfs: rootfsOf(bundle),
    created: new Date().toISOString(),
    ...(spec.annotations === undefined ? {} : { annotations: spec.annotations }),
    pid: process.pid,
    startTime: startTimeOf(process.pid) ?? 0,
    creating: true,
    ...(hasOwnPids(bundle) ? {} : { sharedPids: true }),
  };
}

function withInit({ creating: _, ...state }: ContainerState, pid: number): ContainerState {
  return { ...state, pid, startTime: startTimeOf(pid) ?? 0 };
}

function hasOwnPids({ spec }: Bundle): boolean {
  return (
    spec.linux?.namespaces?.some(
      ({ type, path }) => type === "pid" && (path === undefined || path === ""),
    ) === true
  );
}

function endInit(init: Init): void {
  sendSignal(init.pidfd, SIGKILL);
  waitForEnd(init.pid);
  init[Symbol.dispose]();
}
