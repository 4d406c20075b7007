/** `exec`: another program in a running container, held by the caller itself. */
import { O_DIRECTORY, O_PATH, O_RDWR } from "../../ffi/kernel.ts";
import { CurruntError } from "../base/error.ts";
import { containerPaths } from "../base/paths.ts";
import { capabilityNames } from "../runtime/capability.ts";
import type { Init } from "../runtime/carry-out.ts";
import { execInContainer } from "../runtime/exec.ts";
import type { Process, Spec } from "../runtime/spec.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { openat } from "../sys/file.ts";
import { exitCodeOf, reap, sendSignal } from "../sys/process.ts";
import type { WindowSize } from "../sys/terminal.ts";
import type { ContainerRecord } from "./container.ts";
import type { Context } from "./context.ts";
import { mergeEnvironment } from "./environment.ts";
import { LocalStreams } from "./local-streams.ts";
import type { ExecOptions } from "./options.ts";
import { ownSeccomp } from "./prepare.ts";
import { readInRoot } from "./root-file.ts";
import type { RunState } from "./run-state.ts";
import { readRunState } from "./run-state.ts";
import type { Pipes, ProgramEnds } from "./stdio.ts";
import { closeProgramEnds, openPipes, ProgramStreams } from "./stdio.ts";
import type { SessionEnd } from "./summary.ts";
import { resolveUser } from "./user.ts";

/** Runs a program in a container; resolves when it ends, or, detached, when it runs. */
export async function execute(context: Context, name: string, options: ExecOptions): Promise<SessionEnd> {
  const { record } = context.containers.get(name);
  const state = readRunState(containerPaths(context.roots, record.id));
  if (state === undefined) {
    throw new CurruntError("conflict", `execute in container "${record.name}": it is not running`, {
      hint: `start it with "currunt start ${record.name}"`,
    });
  }
  return await executeAt(record, state, options);
}

async function executeAt(
  record: ContainerRecord,
  { pid, cgroup: own }: RunState,
  options: ExecOptions,
): Promise<SessionEnd> {
  using root = openat(undefined, `/proc/${pid}/root`, O_PATH | O_DIRECTORY);
  using local = new LocalStreams(options, () => streams?.resumeOutput());
  const terminal = options.terminal && !options.detach;
  const process = processOf(record, root, options, terminal ? local.size : undefined);
  // Of a privileged program as of a privileged container: none.
  const defaultSeccomp = !options.privileged && record.seccomp === "default";
  const spec = specOf(record, options);
  using undo = new DisposableStack();
  const pipes = terminal ? undefined : pipesFor(options, process);
  if (pipes !== undefined) undo.defer(() => closeProgramEnds(pipes));
  const stdio = pipes?.program ?? "inherit";
  using cgroup =
    own === undefined ? undefined : (await import("../runtime/cgroup/cgroup.ts")).openCgroup(own);
  using program = await execInContainer({ pid, process, spec, defaultSeccomp, stdio, cgroup });
  undo.dispose();
  if (options.detach) return { kind: "exited", exitCode: 0 };
  local.takeTerminal();
  using streams = new ProgramStreams(pipes?.ours ?? terminalEnds(program), {
    onOutput: (stream, bytes) => {
      if (!local.output(stream, bytes)) streams.pauseOutput();
    },
    onInputTaken: () => local.resumeInput(),
  });
  const end = programEnd(program.pid);
  local.join({
    writeInput: (bytes) => streams.writeInput(bytes),
    endInput: () => streams.endInput(),
    resize: (size) => streams.resize(size),
    signal: (signal) => signalProgram(program, signal),
  });
  const result = await Promise.race([end, local.left]);
  if (typeof result !== "number") return result;
  while (streams.readRemainder());
  await Promise.race([local.flush(), local.left]);
  return { kind: "exited", exitCode: result };
}

/** A detached program's streams lead nowhere: nobody stays to read them. */
function pipesFor({ interactive, detach }: ExecOptions, { user }: Process): Pipes {
  if (!detach) return openPipes({ input: interactive, uid: user.uid, gid: user.gid });
  const nowhere = () => openat(undefined, "/dev/null", O_RDWR);
  return {
    program: { stdin: nowhere(), stdout: nowhere(), stderr: nowhere() },
    ours: { stdout: nowhere() },
  };
}

function terminalEnds({ terminal }: Init): ProgramEnds {
  if (terminal === undefined) throw new Error("unreachable: a program with a terminal has its master");
  return { stdin: terminal, stdout: terminal };
}

function programEnd(pid: number): Promise<number> {
  return new Promise((resolve) => {
    const look = () => {
      const ended = reap(pid);
      if (ended !== undefined) resolve(exitCodeOf(ended.end));
    };
    process.on("SIGCHLD", look);
    // It may have ended before the handler was there.
    look();
  });
}

function signalProgram({ pidfd }: Init, signal: number): void {
  try {
    sendSignal(pidfd, signal);
  } catch (error) {
    if (!failedWith(error, "ESRCH")) throw error;
  }
}

/** The container's own process settings with what was asked for; only -privileged goes beyond them. */
function processOf(
  { spec, user }: ContainerRecord,
  root: Fd,
  options: ExecOptions,
  size: WindowSize | undefined,
): Process {
  const own = spec.process;
  if (own === undefined) throw new Error("a stored spec always has a process");
  const { home, ...found } = resolveUser(
    options.user ?? user,
    readInRoot(root, "/etc/passwd"),
    readInRoot(root, "/etc/group"),
  );
  const bounding = options.privileged ? capabilityNames : (own.capabilities?.bounding ?? []);
  const terminal = options.terminal && !options.detach;
  return {
    ...own,
    terminal,
    ...(size === undefined ? {} : { consoleSize: { height: size.rows, width: size.columns } }),
    user: found,
    args: options.command,
    env: mergeEnvironment([`HOME=${home}`, ...(terminal ? ["TERM=xterm"] : [])], own.env ?? [], options.env),
    cwd: options.workdir ?? own.cwd,
    capabilities: found.uid === 0 ? { bounding, effective: bounding, permitted: bounding } : { bounding },
  };
}

function specOf({ spec, seccomp }: ContainerRecord, { privileged }: ExecOptions): Spec {
  return privileged ? spec : { ...spec, linux: { ...spec.linux, ...ownSeccomp(seccomp) } };
}
