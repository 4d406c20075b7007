/** `currunt checkpoint` and `currunt restore`. */
import { CurruntError } from "../base/error.ts";
import { notRunning } from "../runtime/kill.ts";
import { processStatus, readState } from "../runtime/state.ts";
import { flags } from "./flag.ts";
import { createFlags } from "./oci-bundle.ts";
import { defineOciCommand, pathsOf } from "./oci-command.ts";

const path = (help: string) => ({ type: "string", metavar: "DIR", completes: "directory", help }) as const;
const on = (help: string) => ({ type: "boolean", help }) as const;

/** Of both commands, as runc and crun have them. */
const criuFlags = flags({
  "image-path": path("where criu's files are"),
  "work-path": path("where criu writes its logs"),
  "parent-path": path("an earlier checkpoint that this one adds to"),
  "tcp-established": on("keep open TCP connections"),
  "tcp-skip-in-flight": on("leave connections out that are being made"),
  "link-remap": on("keep open files that have been deleted"),
  "ext-unix-sk": on("keep unix sockets to processes outside"),
  "shell-job": on("keep the caller's terminal"),
  "lazy-pages": on("send memory when it is asked for"),
  "file-locks": on("keep file locks"),
  "manage-cgroups-mode": {
    type: "string",
    choices: ["soft", "full", "strict", "ignore"],
    metavar: "MODE",
    help: "what to do about cgroups: soft, full, strict, ignore",
  },
  "network-lock": { type: "string", metavar: "METHOD", help: "how to hold the network meanwhile" },
  "empty-ns": { type: "string", repeatable: true, metavar: "TYPE", help: "namespace to leave empty" },
  "auto-dedup": on("free memory that a later checkpoint holds"),
});

export const checkpoint = defineOciCommand({
  name: "checkpoint",
  usage: ["[flags] CONTAINER"],
  description: "Writes the processes of a running OCI container to files. Not possible yet: it says why.",
  flags: {
    ...criuFlags,
    "leave-running": on("let the container go on"),
    "status-fd": { type: "number", metavar: "FD", help: "descriptor that is written to when criu is ready" },
    "page-server": { type: "string", metavar: "ADDRESS:PORT", help: "where memory is sent to" },
    "pre-dump": on("write memory only, and let the container go on"),
  },
  positionals: { min: 1, max: 1, names: "the ID of a container" },
  run({ globals, positionals: [id] }) {
    const paths = pathsOf(globals, id);
    if (processStatus(paths, readState(paths)) !== "running") throw notRunning();
    throw unsupported("checkpoint");
  },
});

export const restore = defineOciCommand({
  name: "restore",
  usage: ["[flags] CONTAINER"],
  description: "Makes an OCI container from a checkpoint. Not possible yet: it says why.",
  flags: {
    ...createFlags,
    ...criuFlags,
    detach: { type: "boolean", short: "d", help: "leave it in the background" },
    "lsm-profile": {
      type: "string",
      metavar: "TYPE:NAME",
      help: "another AppArmor profile or SELinux label",
    },
    "lsm-mount-context": { type: "string", metavar: "CONTEXT", help: "another SELinux label for mounts" },
    "tcp-close": on("close TCP connections"),
  },
  positionals: { min: 1, max: 1, names: "an ID for the container" },
  run() {
    throw unsupported("restore");
  },
});

function unsupported(command: string): CurruntError {
  if (Bun.which("criu") === null) {
    return new CurruntError("unsupported", `${command}: criu is not installed`, {
      hint: "checkpoints need criu on the host, and a later version of currunt",
    });
  }
  const checked = Bun.spawnSync(["criu", "check"], { stdout: "ignore", stderr: "pipe" });
  const [reason = ""] = checked.stderr.toString().split("\n");
  return new CurruntError(
    "unsupported",
    checked.exitCode === 0
      ? `${command}: this version of currunt cannot drive criu yet`
      : `${command}: criu does not work with this kernel: ${reason}`,
  );
}
