/** The OCI runtime's `currunt exec`. */
import { posix } from "node:path";
import { CurruntError } from "../base/error.ts";
import { checkTerminal, connectReceiver } from "../runtime/console.ts";
import { execIn } from "../runtime/exec-container.ts";
import { passedDescriptors } from "../runtime/preserve.ts";
import type { Process, Spec } from "../runtime/spec.ts";
import type { Values } from "./flag.ts";
import { flags as table } from "./flag.ts";
import { defineOciCommand, pathsOf } from "./oci-command.ts";

const execFlags = table({
  "console-socket": {
    type: "string",
    metavar: "PATH",
    completes: "file",
    help: "unix socket that is sent the terminal",
  },
  "pidfd-socket": {
    type: "string",
    metavar: "PATH",
    completes: "file",
    help: "unix socket that is sent a pidfd",
  },
  cwd: { type: "string", metavar: "DIR", help: "directory to start in" },
  env: {
    type: "string",
    short: "e",
    repeatable: true,
    metavar: "NAME=VALUE",
    help: "further environment variable",
  },
  tty: { type: "boolean", short: "t", help: "give the program a terminal" },
  user: { type: "string", short: "u", metavar: "UID[:GID]", help: "run as this user" },
  "additional-gids": { type: "string", short: "g", repeatable: true, metavar: "GID", help: "further group" },
  process: {
    type: "string",
    short: "p",
    metavar: "FILE",
    completes: "file",
    help: "process as JSON, instead of flags",
  },
  detach: { type: "boolean", short: "d", help: "leave it in the background" },
  "pid-file": {
    type: "string",
    metavar: "FILE",
    completes: "file",
    help: "file that the process ID is written to",
  },
  "process-label": { type: "string", metavar: "LABEL", help: "SELinux label" },
  apparmor: { type: "string", metavar: "PROFILE", help: "AppArmor profile" },
  "no-new-privs": { type: "boolean", help: "set no_new_privs" },
  cap: { type: "string", short: "c", repeatable: true, metavar: "CAP_NAME", help: "further capability" },
  "preserve-fds": { type: "number", default: 0, metavar: "N", help: "pass on N descriptors, from 3 on" },
  cgroup: {
    type: "string",
    repeatable: true,
    metavar: "[CONTROLLER,…:]PATH",
    help: "cgroup below the container's to run in",
  },
  "ignore-paused": {
    type: "boolean",
    help: "do not refuse a paused container: it runs once that is resumed",
  },
});

export const exec = defineOciCommand({
  name: "exec",
  usage: ["[flags] CONTAINER COMMAND [ARGUMENT…]", "[flags] -process FILE CONTAINER"],
  description: "Runs a further process in a container. Ends with its exit code; 255 when currunt fails.",
  flags: execFlags,
  positionals: { min: 1, names: "the ID of a container and a command" },
  stopAtPositional: true,
  failureCode: 255,
  async run({ globals, flags, positionals: [id = "", ...args] }) {
    const { changedProcess, readProcess } = await import("../runtime/exec-request.ts");
    const fixed = flags.process === undefined ? undefined : readProcess(posix.resolve(flags.process));
    if (fixed === undefined && args.length === 0) {
      throw new CurruntError("invalid", "exec: process args cannot be empty", {
        hint: "name a command behind the container's ID, or a file with -process",
      });
    }
    const foreground = flags.detach ? undefined : await import("../runtime/foreground.ts");
    const follow = foreground?.forwardSignals();
    const program = await execIn({
      paths: pathsOf(globals, id),
      processFor: (spec: Spec) => fixed ?? changedProcess(spec, changesOf(flags, args)),
      check: ({ terminal = false }: Process) =>
        checkTerminal({ terminal, detach: flags.detach, consoleSocket: flags["console-socket"] }),
      ignorePaused: flags["ignore-paused"],
      cgroups: flags.cgroup,
      ...receiversOf(flags),
      preserved: passedDescriptors(flags["preserve-fds"], process.env),
    });
    return follow === undefined ? 0 : await foreground?.followProcess(program, follow);
  },
});

type Flags = Values<typeof execFlags>;

function receiversOf(flags: Flags) {
  const { "console-socket": consoleSocket, "pidfd-socket": pidfdSocket, "pid-file": pidFile } = flags;
  return {
    pidFile: pidFile === undefined ? undefined : posix.resolve(pidFile),
    console:
      consoleSocket === undefined
        ? undefined
        : connectReceiver(posix.resolve(consoleSocket), "console socket"),
    pidfdReceiver:
      pidfdSocket === undefined ? undefined : connectReceiver(posix.resolve(pidfdSocket), "pidfd socket"),
  };
}

function changesOf(flags: Flags, args: readonly string[]) {
  return {
    args,
    terminal: flags.tty,
    cwd: flags.cwd,
    env: flags.env,
    user: flags.user,
    additionalGids: flags["additional-gids"].map(groupOf),
    capabilities: flags.cap,
    apparmorProfile: flags.apparmor,
    selinuxLabel: flags["process-label"],
    noNewPrivileges: flags["no-new-privs"],
  };
}

function groupOf(text: string): number {
  if (/^\d{1,10}$/.test(text) && Number(text) <= 0xfffffffe) return Number(text);
  throw new CurruntError("invalid", `flag -additional-gids: ${JSON.stringify(text)} is not a group's number`);
}
