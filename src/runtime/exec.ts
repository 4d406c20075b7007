/** Runs a further process in a running container, confined as its init is. */
import type { Namespace, Step } from "../../ffi/plan.ts";
import { wrap } from "../base/error.ts";
import { openDirectory, readlinkat } from "../sys/file.ts";
import { openProcess } from "../sys/process.ts";
import type { Init, Stdio } from "./create.ts";
import { carryOut, seccompOf } from "./create.ts";
import { Draft } from "./draft.ts";
import type { SeccompFilter } from "./process.ts";
import { processSteps, terminalStep } from "./process.ts";
import type { Process, Spec } from "./spec.ts";

export interface ExecOptions {
  /** The container's init, as the host sees it. The caller has made sure that it still is that process. */
  readonly pid: number;
  readonly process: Process;
  /** The container's spec: its seccomp profile holds for the new process too. */
  readonly spec: Spec;
  /** With `process.terminal` a pty of the container takes their place, and its master comes back. */
  readonly stdio: Stdio;
  readonly deathSignal?: number | undefined;
}

/** Joins all of init's namespaces and executes; resolves once the program runs. Exit codes as in `startContainer`. */
export async function execInContainer(options: ExecOptions): Promise<Init> {
  const { pid, process, spec, stdio, deathSignal = 0 } = options;
  try {
    using init = openProcess(pid);
    const seccomp = await seccompOf(spec);
    const plan = () => {
      const { steps, inputs } = compileExec({
        process,
        namespaces: namespacesToJoin(pid),
        seccomp,
        deathSignal,
      });
      return { steps, inputs: [init, ...inputs] };
    };
    return await carryOut(plan, { stdio, terminal: process.terminal === true });
  } catch (error) {
    throw wrap(error, `execute ${JSON.stringify(process.args[0] ?? "")} in the container`);
  }
}

export interface CompileExecOptions {
  readonly process: Process;
  readonly namespaces: readonly Namespace[];
  readonly seccomp: SeccompFilter | undefined;
  readonly deathSignal: number;
}

/** The plan for a further process. Slot 0 is init's pidfd; `inputs` come behind it. */
export function compileExec({ process, namespaces, seccomp, deathSignal }: CompileExecOptions): Draft {
  const draft = new Draft();
  const init = draft.slot();
  const terminal = process.terminal === true ? draft.input("terminal") : undefined;
  // The pid namespace takes effect at the clone: the process that joins is never one of the container's.
  const join: Step = { op: "setns", slot: init, namespaces };
  draft.add(join, { op: "clone", namespaces: [], deathSignal }, { op: "session" });
  const open = (path: string) => draft.open((slot) => ({ op: "open", slot, path, read: false }));
  const root = open("/");
  if (terminal !== undefined) draft.add(terminalStep(process, terminal, root, false));
  draft.add(...processSteps(process, seccomp, deathSignal));
  return draft;
}

/** Each namespace's link in /proc/PID/ns. */
const files: readonly (readonly [Namespace, string])[] = [
  ["mount", "mnt"],
  ["pid", "pid"],
  ["network", "net"],
  ["ipc", "ipc"],
  ["uts", "uts"],
  ["cgroup", "cgroup"],
  ["user", "user"],
];

/** The namespaces of process `pid` that are not ours. Joining our own user namespace would fail (`man 2 setns`). */
function namespacesToJoin(pid: number): Namespace[] {
  using theirs = openDirectory(`/proc/${pid}/ns`);
  using ours = openDirectory("/proc/self/ns");
  return files
    .filter(([, file]) => !readlinkat(theirs, file).equals(readlinkat(ours, file)))
    .map(([namespace]) => namespace);
}
