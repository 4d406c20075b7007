/** How the steps of a plan read. */
import type { MountStep } from "./mount-record.ts";
import type { FilesystemOption, Step } from "./plan.ts";

/** One readable line a step. */
export function describe(steps: readonly Step[]): string[] {
  return steps.map(describeStep);
}

/** A step in words, without a full stop. */
export function describeStep(step: Step): string {
  switch (step.op) {
    case "clone":
      return `clone init into new namespaces: ${list(step.namespaces)}`;
    case "setns":
      return `join namespaces of #${step.slot}: ${list(step.namespaces)}${setnsNotes[step.when ?? "now"]}`;
    case "unshare":
      return `leave namespaces: ${list(step.namespaces)}`;
    case "cgroup":
      return `enter the cgroup of ${quote(step.path)}${step.optional ? ", if allowed" : ""}`;
    case "sync":
      return `wait for the caller at "${step.point}"`;
    case "deathSignal":
      return step.signal === 0 ? "outlive the parent" : `get signal ${step.signal} when the parent dies`;
    case "session":
      return "start a session";
    case "keyring":
      return `join a new session keyring ${quote(step.name)}`;
    case "loopback":
      return "bring the loopback interface up";
    case "hostname":
      return `set the host name to ${quote(step.name)}`;
    case "domainname":
      return `set the domain name to ${quote(step.name)}`;
    case "close":
      return `close all descriptors but ${[0, 1, 2, ...(step.preserve ?? []).map((_, index) => index + 3)].join(", ")}`;
    case "lookup":
      return `look for ${quote(step.name)} at ${step.paths.map(quote).join(", ")}`;
    case "await":
      return "wait to be started";
    case "scheduler":
      return `set the scheduling policy to ${step.policy}, flags ${hex(step.flags)}, nice ${step.nice}, priority ${step.priority}, runtime ${step.runtime}, deadline ${step.deadline}, period ${step.period}`;
    case "ioPriority":
      return `set the I/O priority to class ${step.level}, level ${step.priority}`;
    case "affinity":
      return `run on ${step.cpus === undefined ? "all CPUs" : `the CPUs of mask ${step.cpus.toHex()}`}`;
    case "personality":
      return `set the personality to ${hex(step.persona)}`;
    case "memoryPolicy":
      return `set the memory policy to ${hex(step.mode)}, nodes of mask ${step.nodes.toHex()}`;
    case "hook":
      return `run the hook ${step.name}`;
    case "dumpable":
      return step.on ? "let others look in" : "let nobody look in";
    case "home":
      return `look for the home directory of user ${step.uid}`;
    case "umask":
      return `set the umask to ${octal(step.mask)}`;
    case "chdir":
      return `change the directory to ${quote(step.path)}${step.optional ? ", if allowed" : ""}`;
    case "rlimit":
      return `limit resource ${step.resource} to ${step.soft}, at most ${step.hard}`;
    case "noNewPrivileges":
      return "forbid new privileges";
    case "seccomp":
      return `filter system calls with ${step.filter.length / 8} instructions, flags ${hex(step.flags)}`;
    case "boundingSet":
      return `keep the bounding capabilities ${hex(step.keep)}`;
    case "user":
      return `become user ${step.uid}, group ${step.gid}, groups ${step.groups === undefined ? "as they are" : list(step.groups)}`;
    case "capabilities":
      return `set capabilities: effective ${hex(step.effective)}, permitted ${hex(step.permitted)}, inheritable ${hex(step.inheritable)}, ambient ${hex(step.ambient)}`;
    case "exec":
      return `execute ${step.args.map(quote).join(" ")} from ${step.paths.map(quote).join(", ")}, ${step.env.length} variables`;
    case "terminal":
      return `open a terminal${step.console ? " and bind it on /dev/console" : ""}`;
    case "nullStdio":
      return "open streams on the host's /dev/null anew";
    case "ownStdio":
      return `give pipes among the streams to user ${step.uid}`;
    default:
      return describeMount(step);
  }
}

function describeMount(step: MountStep): string {
  switch (step.op) {
    case "open":
      return `open ${quote(step.path)} as #${step.slot}`;
    case "forget":
      return `close #${step.slot}`;
    case "write":
      return `write ${quote(step.data)} to "${step.path}" of #${step.slot}`;
    case "tree":
      return `open the tree at ${quote(step.path)}${step.recursive ? ", with its mounts," : ""} as #${step.slot}`;
    case "filesystem": {
      const options = [...step.attributes, ...step.options.map(describeOption)];
      return `make ${step.type}${options.length === 0 ? "" : ` (${options.join(",")})`} as #${step.slot}`;
    }
    case "attributes": {
      const changes = [...step.set, ...step.clear.map((name) => `not ${name}`), step.propagation ?? ""];
      return `make #${step.slot}${step.recursive ? " and all below" : ""} ${list(changes.filter((c) => c !== ""))}`;
    }
    case "remount": {
      const changes = [
        ...step.set,
        ...step.clear.map((name) => `not ${name}`),
        ...step.options.map(describeOption),
      ];
      return `mount ${quote(step.path)} in #${step.root} again: ${list(changes)}`;
    }
    case "copyUp":
      return `copy what is at ${quote(step.path)} in #${step.root} into #${step.slot}`;
    case "idmap":
      return `map the owners of #${step.slot}${step.recursive ? " and all below" : ""} ${"namespace" in step ? `as #${step.namespace} does` : `by ${quote(step.uids)}, groups by ${quote(step.gids)}`}`;
    case "attach":
      return `mount #${step.slot} on ${quote(step.path)} in #${step.root}`;
    case "cover":
      return `mount #${step.slot} over the host's ${quote(step.path)}`;
    case "chroot":
      return `move #${step.slot} to the root without pivoting, and take away ${list(step.gone)}`;
    case "pivot":
      return `make #${step.slot} the root and let go of the old one`;
    case "mask":
      return `mask ${quote(step.path)}`;
    case "readonly":
      return `make ${quote(step.path)} read-only`;
    case "directory":
      return `make directory ${quote(step.path)} in #${step.root}, mode ${octal(step.mode)}`;
    case "device":
      return `make device ${quote(step.path)} in #${step.root}: ${step.type} ${step.major}:${step.minor}, mode ${octal(step.mode)}`;
    case "symlink":
      return `link ${quote(step.path)} in #${step.root} to ${quote(step.target)}`;
  }
}

const describeOption = ([key, value]: FilesystemOption) => (value === undefined ? key : `${key}=${value}`);
const setnsNotes = { now: "", try: ", if allowed", rest: ", unless that is done" } as const;
const quote = (text: string) => JSON.stringify(text);
const octal = (mode: number) => `0${mode.toString(8)}`;
const hex = (bits: number | bigint) => `0x${bits.toString(16)}`;
const list = (items: readonly (string | number)[]) => (items.length === 0 ? "none" : items.join(", "));
