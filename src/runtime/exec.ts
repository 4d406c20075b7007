/** Runs a further process in a running container, confined as its init is. */
import type { Namespace, Slot, Step } from "../../ffi/plan.ts";
import { wrap } from "../base/error.ts";
import type { Fd } from "../sys/fd.ts";
import { readlinkat } from "../sys/file.ts";
import { effectiveIds, openProcess } from "../sys/process.ts";
import type { PartMaker } from "../sys/shim.ts";
import { readSmallFile } from "../sys/small-file.ts";
import { isThere } from "../sys/stat.ts";
import { passEnding } from "./begin.ts";
import type { Init, Stdio } from "./carry-out.ts";
import { carryOut } from "./carry-out.ts";
import type { Cgroup } from "./cgroup/cgroup.ts";
import { Draft } from "./draft.ts";
import type { LabelWrite } from "./label.ts";
import type { CgroupPlaces } from "./namespace.ts";
import { enterCgroups } from "./namespace.ts";
import {
  filterOf,
  firstAffinity,
  hasUserNamespace,
  labelsOf,
  listenerOf,
  raiseLimits,
  scheduleOf,
} from "./on-demand.ts";
import type { Ending, SeccompFilter } from "./process.ts";
import { keepsGroups, processSteps, terminalStep } from "./process.ts";
import type { Process, Spec } from "./spec.ts";

export interface ExecOptions {
  /** The container's init, as the host sees it. The caller has made sure that it still is that process. */
  readonly pid: number;
  readonly process: Process;
  /** The container's spec: its seccomp profile holds for the new process too. */
  readonly spec: Spec;
  /** True: the default seccomp profile for the process's bounding set, whatever the spec says. */
  readonly defaultSeccomp?: boolean | undefined;
  /** With `process.terminal` a pty of the container takes their place, and its master comes back. */
  readonly stdio: Stdio;
  /** True: the program's line ends come out of the master as it writes them. */
  readonly plainTerminal?: boolean | undefined;
  /** A directory that keeps compiled seccomp profiles. */
  readonly filters?: string | undefined;
  readonly deathSignal?: number | undefined;
  /** The container's: the process is born in it. */
  readonly cgroup?: Cgroup | undefined;
  /** What the agent that listens to the seccomp profile's calls is told of the container. */
  readonly container?: { readonly id: string; readonly bundle: string } | undefined;
  /** The program's descriptors 3, 4 … The caller keeps its own. */
  readonly preserved?: readonly Fd[] | undefined;
  /** Called when the process exists: it cannot become the program before this has resolved. */
  readonly onCloned?: ((pid: number) => void | Promise<void>) | undefined;
}

/** Joins all of init's namespaces and executes; resolves once the program runs. Exit codes as in `startContainer`. */
export async function execInContainer(options: ExecOptions): Promise<Init> {
  const { pid, process, spec, stdio, defaultSeccomp, deathSignal = 0, preserved = [], onCloned } = options;
  try {
    using init = openProcess(pid);
    const whole = { ...spec, process };
    const entry = options.cgroup?.enterBeside(pid);
    const namespaces = namespacesToJoin(pid);
    const beginning = beginExec({
      process,
      root: namespaces.includes("user") ? rootIn(pid) : undefined,
      sharedRoot: namespaces.includes("mount") ? undefined : `/proc/${pid}/root`,
      before: await firstAffinity(process),
      cgroup: entry && { ...entry, directory: entry.directory !== undefined },
      labels: await labelsOf(whole),
      namespaces,
      deathSignal,
      preserved: preserved.length,
    });
    const rest: PartMaker = async (cloned) => {
      completeExec(beginning, {
        process,
        seccomp: await filterOf({ spec: whole, defaultSeccomp, filters: options.filters }),
        schedule: await scheduleOf(whole, process.execCPUAffinity?.final),
        deathSignal,
        plainTerminal: options.plainTerminal,
        keepGroups: keepsGroups(spec),
      });
      if (hasUserNamespace(spec)) await raiseLimits(whole, await cloned());
      if (onCloned !== undefined) await onCloned(await cloned());
      return beginning.draft.take();
    };
    const { id = "", bundle = "" } = options.container ?? {};
    const { ociVersion, annotations } = spec;
    const state = { ociVersion, id, pid, status: "running", bundle, annotations } as const;
    const onListener = listenerOf(spec, () => state);
    const carried = { init, stdio, preserved, cgroup: entry?.directory, onListener };
    return await carryOut(beginning.draft, [rest], carried);
  } catch (error) {
    throw wrap(error, `execute ${JSON.stringify(process.args[0] ?? "")} in the container`);
  }
}

/** A plan whose first steps are made. */
interface Beginning {
  readonly draft: Draft;
  readonly terminal: Slot | undefined;
  readonly ending: Ending;
}

/** The first steps: a process that has joined. */
function beginExec(options: {
  process: Process;
  namespaces: readonly Namespace[];
  /** Whom to become in a user namespace. */
  root: { uid: number; gid: number } | undefined;
  /** The root of a container that has our mounts: no namespace to join says where it is. */
  sharedRoot: string | undefined;
  /** Steps that come first. */
  before: readonly Step[];
  labels: readonly LabelWrite[];
  deathSignal: number;
  preserved: number;
  cgroup: CgroupPlaces | undefined;
}): Beginning {
  const { process, namespaces, root, sharedRoot, before, labels, deathSignal, preserved, cgroup } = options;
  const draft = new Draft();
  const init = draft.input("init");
  const terminal = process.terminal === true ? draft.input("terminal") : undefined;
  const ending = passEnding(draft, { preserved });
  draft.add(...before);
  // While paths still are the host's, and before anything is opened.
  const inside = enterCgroups(draft, cgroup);
  const score = process.oomScoreAdj;
  const writes = [
    ...(score === undefined ? [] : [{ path: "self/oom_score_adj", data: String(score) }]),
    ...labels,
  ];
  if (writes.length > 0) {
    const slot = draft.open((slot) => ({ op: "open", slot, path: "/proc", read: false }));
    // An ordinary user's own files of /proc are root's as long as nobody may look into the process.
    const ordinary = effectiveIds().uid !== 0;
    if (ordinary) draft.add({ op: "dumpable", on: true });
    for (const write of writes) draft.add({ op: "write", slot, ...write });
    if (ordinary) draft.add({ op: "dumpable", on: false });
    // Nothing of the host's may be open in a process that those of the container can see.
    draft.add({ op: "forget", slot });
  }
  const changed =
    sharedRoot === undefined
      ? undefined
      : draft.open((slot) => ({ op: "open", slot, path: sharedRoot, read: false }));
  // The pid namespace takes effect at the clone: the process that joins is never one of the container's.
  // From inside a cgroup namespace nobody can be put into a cgroup outside of it, and ours is none below.
  const late = namespaces.filter((name) => name === "cgroup" && inside !== undefined);
  const early = namespaces.filter((name) => !late.includes(name));
  draft.add(...joinAll(init, early), {
    op: "clone",
    namespaces: [],
    deathSignal,
    ...(inside === undefined ? {} : { cgroup: inside }),
  });
  if (late.length > 0) draft.add({ op: "setns", slot: init, namespaces: late });
  if (root !== undefined) draft.add({ op: "user", ...root, groups: [] });
  if (changed !== undefined)
    draft.add({ op: "chroot", slot: changed, gone: [] }, { op: "forget", slot: changed });
  // A keyring of its own: the session keyring of whoever calls holds keys of the host's.
  draft.add({ op: "session" }, { op: "keyring", name: "_exec" });
  return { draft, terminal, ending };
}

/** With a user namespace among them, some of the others may be the host's, and need its rights; the rest belong to that one. */
function joinAll(slot: Slot, namespaces: readonly Namespace[]): Step[] {
  if (!namespaces.includes("user")) return [{ op: "setns", slot, namespaces }];
  const others = namespaces.filter((name) => name !== "user");
  return [
    ...others.map((name): Step => ({ op: "setns", slot, namespaces: [name], when: "try" })),
    { op: "setns", slot, namespaces: ["user"] },
    ...others.map((name): Step => ({ op: "setns", slot, namespaces: [name], when: "rest" })),
  ];
}

/** Who owns what is made in the user namespace of process `pid`: its root, else the first ID that it has. */
function rootIn(pid: number): { uid: number; gid: number } {
  const first = (file: string) => {
    const ids = readSmallFile(`/proc/${pid}/${file}`).trim().split("\n").map(Number.parseFloat);
    return ids.includes(0) ? 0 : Math.min(...ids);
  };
  return { uid: first("uid_map"), gid: first("gid_map") };
}

/** The other steps, up to the program. */
function completeExec(
  { draft, terminal, ending }: Beginning,
  options: {
    process: Process;
    seccomp: SeccompFilter | undefined;
    schedule: readonly Step[] | undefined;
    deathSignal: number;
    plainTerminal: boolean | undefined;
    keepGroups: boolean;
  },
): void {
  const {
    process,
    seccomp,
    schedule = [{ op: "affinity" }],
    deathSignal,
    plainTerminal: plain,
    keepGroups,
  } = options;
  const root = draft.open((slot) => ({ op: "open", slot, path: "/", read: false }));
  if (terminal !== undefined)
    draft.add(terminalStep(process, { slot: terminal, root }, { console: false, plain }));
  else draft.add({ op: "nullStdio", root });
  draft.add(...schedule, ...processSteps(process, seccomp, deathSignal, { ...ending, keepGroups }));
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
  ["time", "time"],
];

/** The namespaces of process `pid` that are not ours. Joining our own user namespace would fail (`man 2 setns`). */
function namespacesToJoin(pid: number): Namespace[] {
  // Not by a descriptor of the directory, which others than the process's user may not read.
  const link = (of: number | "self", file: string) => readlinkat(undefined, `/proc/${of}/ns/${file}`);
  // A kernel may be built without time namespaces.
  const known = files.filter(([name]) => name !== "time" || isThere(undefined, "/proc/self/ns/time"));
  return known
    .filter(([, file]) => !link(pid, file).equals(link("self", file)))
    .map(([namespace]) => namespace);
}
