/** `currunt checkpoint` and `currunt restore`. */
import { posix } from "node:path";
import { CurruntError } from "../base/error.ts";
import { checkpointContainer } from "../runtime/checkpoint.ts";
import type { CreateOptions } from "../runtime/create.ts";
import type { CriuOptions } from "../runtime/criu-message.ts";
import { cgroupModes, namespaceBits, networkLocks } from "../runtime/criu-message.ts";
import { deleteContainer } from "../runtime/delete.ts";
import type { Values } from "./flag.ts";
import { flags } from "./flag.ts";
import { createFlags, foregroundOptions, prepareBundle } from "./oci-bundle.ts";
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
  "network-lock": {
    type: "string",
    choices: ["iptables", "nftables", "skip"],
    metavar: "METHOD",
    help: "how to hold the network meanwhile: iptables, nftables, skip",
  },
  "empty-ns": { type: "string", repeatable: true, metavar: "TYPE", help: "namespace to leave empty" },
  "auto-dedup": on("free memory that a later checkpoint holds"),
});

export const checkpoint = defineOciCommand({
  name: "checkpoint",
  usage: ["[flags] CONTAINER"],
  description:
    "Writes the processes of a running OCI container to files, by the host's criu, and removes the container, unless it is to go on.",
  examples: [
    { command: "currunt checkpoint -image-path /var/tmp/web web", text: "to be restored from there" },
  ],
  flags: {
    ...criuFlags,
    "leave-running": on("let the container go on"),
    "status-fd": { type: "number", metavar: "FD", help: "descriptor that is written to when criu is ready" },
    "page-server": { type: "string", metavar: "ADDRESS:PORT", help: "where memory is sent to" },
    "pre-dump": on("write memory only, and let the container go on"),
  },
  positionals: { min: 1, max: 1, names: "the ID of a container" },
  async run({ globals, flags, positionals: [id] }) {
    const paths = pathsOf(globals, id);
    const preDump = flags["pre-dump"];
    await checkpointContainer({
      ...placesOf(flags),
      paths,
      preDump,
      statusFd: flags["status-fd"],
      wanted: {
        ...commonOf(flags),
        leave_running: flags["leave-running"],
        parent_img: flags["parent-path"],
        ps: pageServerOf(flags["page-server"]),
      },
    });
    if (!preDump && !flags["leave-running"]) await deleteContainer(paths, { force: true });
  },
});

export const restore = defineOciCommand({
  name: "restore",
  usage: ["[flags] CONTAINER"],
  description: "Makes an OCI container from the files of a checkpoint, by the host's criu.",
  flags: {
    ...createFlags,
    ...criuFlags,
    detach: { type: "boolean", short: "d", help: "leave it in the background" },
    keep: { type: "boolean", help: "do not remove the container when its program has ended" },
    "lsm-profile": {
      type: "string",
      metavar: "TYPE:NAME",
      help: "another AppArmor profile or SELinux label",
    },
    "lsm-mount-context": { type: "string", metavar: "CONTEXT", help: "another SELinux label for mounts" },
    "tcp-close": on("close TCP connections"),
  },
  positionals: { min: 1, max: 1, names: "an ID for the container" },
  async run({ globals, flags, positionals: [id = ""] }) {
    const choice = {
      ...placesOf(flags),
      wanted: {
        ...commonOf(flags),
        tcp_close: flags["tcp-close"],
        lsm_profile: flags["lsm-profile"],
        lsm_mount_context: flags["lsm-mount-context"],
      },
    };
    const [{ restoreInit }, { runDetached, runForeground }] = await Promise.all([
      import("../runtime/restore.ts"),
      import("../runtime/foreground.ts"),
    ]);
    const prepared = prepareBundle(globals, flags, { id, detach: flags.detach });
    const options = {
      ...prepared,
      // Whoever waited for the program has heard of it long ago.
      notifySocket: undefined,
      birth: (how: CreateOptions) => restoreInit(choice, how, prepared.paths),
    };
    if (!flags.detach) return await runForeground(options, foregroundOptions(globals, flags, id));
    await runDetached(options);
    return 0;
  },
});

type CriuFlags = Values<typeof criuFlags>;

/** As runc has it: a directory in the current one. */
function placesOf(flags: CriuFlags): { imagePath: string; workPath: string } {
  const imagePath = posix.resolve(flags["image-path"] ?? "checkpoint");
  return { imagePath, workPath: posix.resolve(flags["work-path"] ?? imagePath) };
}

function commonOf(flags: CriuFlags): CriuOptions {
  const lock = flags["network-lock"];
  return {
    tcp_established: flags["tcp-established"],
    tcp_skip_in_flight: flags["tcp-skip-in-flight"],
    link_remap: flags["link-remap"],
    ext_unix_sk: flags["ext-unix-sk"],
    shell_job: flags["shell-job"],
    file_locks: flags["file-locks"],
    lazy_pages: flags["lazy-pages"],
    auto_dedup: flags["auto-dedup"],
    manage_cgroups: true,
    manage_cgroups_mode: cgroupModes[flags["manage-cgroups-mode"] ?? "soft"],
    network_lock: lock === undefined ? undefined : networkLocks[lock],
    empty_ns: flags["empty-ns"].length === 0 ? undefined : namespacesOf(flags["empty-ns"]),
  };
}

function namespacesOf(types: readonly string[]): number {
  return types.reduce((bits, type) => {
    const bit = Object.hasOwn(namespaceBits, type) ? namespaceBits[type] : undefined;
    if (bit !== undefined) return bits | bit;
    throw new CurruntError("invalid", `flag -empty-ns: ${JSON.stringify(type)} is no type of namespace`, {
      hint: `one of ${Object.keys(namespaceBits).join(", ")}`,
    });
  }, 0);
}

function pageServerOf(text: string | undefined): CriuOptions["ps"] {
  if (text === undefined) return undefined;
  const [, address, port] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  if (address !== undefined && Number(port) <= 65535) return { address, port: Number(port) };
  throw new CurruntError("invalid", `flag -page-server: ${JSON.stringify(text)} is not ADDRESS:PORT`);
}
