/** The program of a container: its limits, its user, its powers, and how it is found. */
import {
  RLIMIT_AS,
  RLIMIT_CORE,
  RLIMIT_CPU,
  RLIMIT_DATA,
  RLIMIT_FSIZE,
  RLIMIT_LOCKS,
  RLIMIT_MEMLOCK,
  RLIMIT_MSGQUEUE,
  RLIMIT_NICE,
  RLIMIT_NOFILE,
  RLIMIT_NPROC,
  RLIMIT_RSS,
  RLIMIT_RTPRIO,
  RLIMIT_RTTIME,
  RLIMIT_SIGPENDING,
  RLIMIT_STACK,
} from "../../ffi/kernel.ts";
import type { AwaitSlots, Slot, Step } from "../../ffi/plan.ts";
import { CurruntError } from "../base/error.ts";
import { inheritedFileLimit } from "../sys/process.ts";
import { capabilityMask } from "./capability.ts";
import type { Process, Rlimit, Spec } from "./spec.ts";

/** A compiled seccomp profile. */
export interface SeccompFilter {
  /** struct sock_filter[] */
  readonly filter: Uint8Array;
  /** SECCOMP_FILTER_FLAG_* */
  readonly flags: number;
}

/** What lies between a process that is set up and its program. */
export interface Ending {
  /** The program waits to be started. */
  readonly keep?: AwaitSlots | undefined;
  /** Descriptors that become the program's 3, 4 … */
  readonly preserve?: readonly Slot[] | undefined;
  /** Run as the program's user, right before it. */
  readonly hooks?: readonly Step[] | undefined;
  /** True: it keeps the groups of the runtime's caller. */
  readonly keepGroups?: boolean | undefined;
}

/** podman's `--group-add keep-groups`: an ordinary user's groups give access to files, and cannot be given anew. */
export function keepsGroups({ annotations = {} }: Pick<Spec, "annotations">): boolean {
  return !["", "0"].includes(annotations["run.oci.keep_original_groups"] ?? "");
}

const resources: Record<string, number> = {
  RLIMIT_CPU,
  RLIMIT_FSIZE,
  RLIMIT_DATA,
  RLIMIT_STACK,
  RLIMIT_CORE,
  RLIMIT_RSS,
  RLIMIT_NPROC,
  RLIMIT_NOFILE,
  RLIMIT_MEMLOCK,
  RLIMIT_AS,
  RLIMIT_LOCKS,
  RLIMIT_SIGPENDING,
  RLIMIT_MSGQUEUE,
  RLIMIT_NICE,
  RLIMIT_RTPRIO,
  RLIMIT_RTTIME,
};

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const defaultUmask = 0o22;

/** Everything from the root's being in place to the program, in the order that the kernel's rules force. */
export function processSteps(
  process: Process,
  seccomp: SeccompFilter | undefined,
  deathSignal: number,
  { keep, preserve = [], hooks = [], keepGroups = false }: Ending = {},
): Step[] {
  const { user, capabilities, noNewPrivileges = false } = process;
  const program = keep !== undefined && process.args.length === 0 ? noProgram : execStep(process);
  const filter: Step[] = seccomp === undefined ? [] : [{ op: "seccomp", ...seccomp }];
  const hasHome = program.env.some((entry) => entry.startsWith("HOME="));
  return [
    ...(hasHome ? [] : [{ op: "home", uid: user.uid } as const]),
    { op: "ownStdio", uid: user.uid },
    preserve.length === 0 && keep === undefined ? { op: "close" } : { op: "close", preserve, keep },
    { op: "umask", mask: user.umask ?? defaultUmask },
    ...limitSteps(process.rlimits ?? []),
    ...(noNewPrivileges ? [{ op: "noNewPrivileges" } as const] : []),
    // As root first: the directory may be closed to the user; where root itself may not, the user gets a try. Before
    // seccomp, whose profile need not allow it.
    { op: "chdir", path: process.cwd, optional: true },
    // Without no_new_privs only CAP_SYS_ADMIN may install a filter: now, before it goes.
    ...(noNewPrivileges ? [] : filter),
    { op: "boundingSet", keep: capabilityMask(capabilities?.bounding ?? []) },
    {
      op: "user",
      uid: user.uid,
      gid: user.gid,
      ...(keepGroups ? {} : { groups: user.additionalGids ?? [] }),
    },
    { op: "chdir", path: process.cwd, optional: false },
    {
      op: "capabilities",
      effective: capabilityMask(capabilities?.effective ?? []),
      permitted: capabilityMask(capabilities?.permitted ?? []),
      inheritable: capabilityMask(capabilities?.inheritable ?? []),
      ambient: capabilityMask(capabilities?.ambient ?? []),
    },
    { op: "deathSignal", signal: deathSignal },
    // A program that is missing is an error of the creation, not of the start.
    ...(keep === undefined || program === noProgram
      ? []
      : [{ op: "lookup", name: program.args[0] ?? "", paths: program.paths } as const]),
    // The last thing, so that the profile need not allow what came before.
    ...(noNewPrivileges ? filter : []),
    ...(keep === undefined ? [] : [{ op: "await", ...keep } as const]),
    ...hooks,
    program,
  ];
}

/** Of a container whose spec has no process: it can be created, and starting it fails (runtime.md, Start). */
const noProgram: Step & { op: "exec" } = { op: "exec", paths: [], args: [], env: [] };

/** "RLIMIT_NOFILE" for the kernel's 7. */
export function limitName(resource: number): string {
  return Object.keys(resources).find((name) => resources[name] === resource) ?? `limit ${resource}`;
}

/** The limits of config.json; that of open files is else what our own caller has, and not what Bun has made of it. */
function limitSteps(rlimits: readonly Rlimit[]): Step[] {
  const steps: Step[] = rlimits.map(limitStep);
  const inherited = inheritedFileLimit();
  if (inherited !== undefined && !rlimits.some(({ type }) => type === "RLIMIT_NOFILE")) {
    steps.push({ op: "rlimit", resource: RLIMIT_NOFILE, ...inherited });
  }
  return steps;
}

/** The step that sets a limit of config.json. */
export function limitStep({ type, soft, hard }: Rlimit): Step & { op: "rlimit" } {
  const resource = resources[type];
  if (resource === undefined) {
    throw new CurruntError("invalid", `process.rlimits: there is no resource "${type}"`, {
      hint: `known are ${Object.keys(resources).join(", ")}`,
    });
  }
  return { op: "rlimit", resource, soft: limitOf(soft), hard: limitOf(hard) };
}

/** JSON numbers of 2^64-1 and thereabouts, and -1, mean no limit. */
function limitOf(value: number): bigint {
  return value < 0 || value >= 2 ** 63 ? 2n ** 64n - 1n : BigInt(Math.trunc(value));
}

/** Where the program may be: as given when it has a slash, else in the directories of the container's PATH. */
function execStep({ args, env = [] }: Process): Step & { op: "exec" } {
  const name = args[0];
  if (name === undefined) throw new CurruntError("invalid", "process.args: a program to run is missing");
  const path = env.findLast((entry) => entry.startsWith("PATH="))?.slice("PATH=".length) ?? defaultPath;
  const directories = path.split(":").map((directory) => (directory === "" ? "." : directory));
  const paths = name.includes("/") ? [name] : directories.map((directory) => `${directory}/${name}`);
  return { op: "exec", paths: name === "" ? [] : paths, args, env: lastOfEach(env) };
}

/** The environment without entries that a later one of the same name replaces. Refuses what is no NAME=value. */
function lastOfEach(env: readonly string[]): string[] {
  const entries = new Map<string, string>();
  for (const entry of env) {
    const equals = entry.indexOf("=");
    if (equals <= 0) {
      throw new CurruntError("invalid", `process.env: ${JSON.stringify(entry)} is not NAME=value`);
    }
    const name = entry.slice(0, equals);
    entries.delete(name);
    entries.set(name, entry);
  }
  // As absent: what it should be is in the container's /etc/passwd.
  if (entries.get("HOME") === "HOME=") entries.delete("HOME");
  return [...entries.values()];
}

/** Opens the container's terminal; its master goes through the socket in `slot`. `plain`: to somebody who wants a text. */
export function terminalStep(
  process: Process,
  places: { readonly slot: Slot; readonly root: Slot },
  { console, plain = false }: { readonly console: boolean; readonly plain?: boolean | undefined },
): Step {
  const { height: rows = 0, width: columns = 0 } = process.consoleSize ?? {};
  return { op: "terminal", ...places, uid: process.user.uid, rows, columns, console, plain };
}
