/** What `create` and `run` of the OCI runtime have in common: their flags, and how these are read. */
import { posix } from "node:path";
import { readBundle } from "../runtime/bundle.ts";
import { checkTerminal, connectReceiver } from "../runtime/console.ts";
import type { CgroupChoice, ContainerOptions } from "../runtime/container.ts";
import type { ForegroundOptions } from "../runtime/foreground.ts";
import { passedDescriptors, withListening } from "../runtime/preserve.ts";
import { isRootless } from "../runtime/rootless-caller.ts";
import type { Values } from "./flag.ts";
import { flags } from "./flag.ts";
import type { OciGlobals } from "./oci-command.ts";
import { pathsOf, stateRootOf } from "./oci-command.ts";

export const createFlags = flags({
  bundle: {
    type: "string",
    short: "b",
    metavar: "DIR",
    completes: "directory",
    help: "directory with the config.json; the current one unless given",
  },
  config: {
    type: "string",
    short: "f",
    metavar: "FILE",
    completes: "file",
    help: "another file than config.json",
  },
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
    help: "unix socket that is sent a pidfd of init",
  },
  "pid-file": {
    type: "string",
    metavar: "FILE",
    completes: "file",
    help: "file that init's process ID is written to",
  },
  "no-pivot": { type: "boolean", help: "move the root instead of pivoting: for a root on a ramfs" },
  "no-new-keyring": { type: "boolean", help: "keep the caller's session keyring" },
  "preserve-fds": { type: "number", default: 0, metavar: "N", help: "pass on N descriptors, from 3 on" },
  "no-subreaper": { type: "boolean", help: "do not adopt orphans of the container" },
});

/** The options of a container's making. Connects to the sockets that the flags name. */
export function prepareBundle(
  globals: OciGlobals,
  values: Values<typeof createFlags>,
  { id, detach }: { readonly id: string; readonly detach: boolean },
): Omit<ContainerOptions, "hold"> {
  const paths = pathsOf(globals, id);
  const directory = posix.resolve(values.bundle ?? ".");
  const read = readBundle(directory, values.config === undefined ? undefined : posix.resolve(values.config));
  const bundle = { ...read, spec: withListening(read.spec, process.env) };
  for (const warning of bundle.warnings) void warn(warning, globals);
  const consoleSocket = values["console-socket"];
  checkTerminal({ terminal: bundle.spec.process?.terminal === true, detach, consoleSocket });
  const pidfdSocket = values["pidfd-socket"];
  const pidFile = values["pid-file"];
  return {
    id,
    paths,
    bundle,
    cgroup: cgroupChoice(globals),
    noPivot: values["no-pivot"],
    sharesKeyring: values["no-new-keyring"],
    notifySocket: process.env["NOTIFY_SOCKET"],
    pidFile: pidFile === undefined ? undefined : posix.resolve(pidFile),
    console:
      consoleSocket === undefined
        ? undefined
        : connectReceiver(posix.resolve(consoleSocket), "console socket"),
    pidfdReceiver:
      pidfdSocket === undefined ? undefined : connectReceiver(posix.resolve(pidfdSocket), "pidfd socket"),
    preserved: passedDescriptors(values["preserve-fds"], process.env),
  };
}

/** What `runForeground` wants to know of the flags. */
export function foregroundOptions(
  globals: OciGlobals,
  flags: { readonly keep: boolean; readonly "no-subreaper": boolean },
  id: string,
): ForegroundOptions {
  const onWarning = (message: string) => warn(message, globals);
  const log = globals.log === undefined ? [] : ["--log", globals.log, "--log-format", globals["log-format"]];
  const remover = ["currunt", "--root", stateRootOf(globals), ...log, "delete", "--force", id];
  return { keep: flags.keep, subreaper: !flags["no-subreaper"], remover, onWarning };
}

async function warn(message: string, globals: OciGlobals): Promise<void> {
  const { warnOci } = await import("./oci-log.ts");
  warnOci(message, globals);
}

/** Rootless is what has no rights over the host: another user than root, or root of a user namespace. */
function cgroupChoice(globals: OciGlobals): CgroupChoice {
  const driver = globals["systemd-cgroup"] ? "systemd" : (globals["cgroup-manager"] ?? "cgroupfs");
  const { rootless } = globals;
  return {
    driver,
    rootless: rootless === "auto" ? isRootless(process.geteuid?.() ?? 0) : rootless === "true",
  };
}
