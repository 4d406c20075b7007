/** The flags of `run` and `create`. */
import { flags } from "./flag.ts";
import { layerFormatFlag, progressFlag } from "./pull-watch.ts";
import { credentialFlag, registryFlags } from "./registry-flags.ts";
import { resourceFlags } from "./resource-flags.ts";
import { detachKeysFlag } from "./session.ts";

const program = "Program";
const terminal = "Terminal";
const container = "Container";
const files = "File system";
const network = "Network";
const image = "Image";
const security = "Security";

/** What `create` takes; `run` takes more. */
export const createFlags = flags({
  image: {
    type: "string",
    metavar: "NAME",
    completes: "image",
    group: program,
    help: "image to run; all positionals are then its command",
  },
  rootfs: {
    type: "string",
    metavar: "DIR",
    completes: "directory",
    group: program,
    help: "run in a throw-away copy of this directory instead of an image",
  },
  entrypoint: {
    type: "string",
    metavar: "WORDS",
    group: program,
    help: "replace the image's entrypoint: words as a shell splits them, or a JSON array",
  },
  cmd: {
    type: "string",
    metavar: "WORDS",
    group: program,
    help: "replace the image's command: words as a shell splits them, or a JSON array",
  },
  workdir: { type: "string", short: "w", metavar: "DIR", group: program, help: "directory to start in" },
  env: {
    type: "string",
    short: "e",
    repeatable: true,
    metavar: "NAME[=VALUE]",
    group: program,
    help: "environment variable; without a value, the one of this environment",
  },
  "env-file": {
    type: "string",
    repeatable: true,
    metavar: "FILE",
    completes: "file",
    group: program,
    help: "read environment variables from a file, one a line",
  },
  user: {
    type: "string",
    short: "u",
    metavar: "USER[:GROUP]",
    group: program,
    help: "run as this user, by name or number",
  },
  "stop-signal": { type: "string", metavar: "SIGNAL", group: program, help: "signal that asks it to end" },
  "stop-timeout": {
    type: "duration",
    metavar: "TIME",
    group: program,
    help: "how long stop waits before it kills; 10 s unless given",
  },

  interactive: { type: "boolean", short: "i", group: terminal, help: "pass standard input on" },
  tty: { type: "boolean", short: "t", group: terminal, help: "give the program a terminal" },

  name: { type: "string", metavar: "NAME", group: container, help: "name of the container" },
  hostname: { type: "string", short: "h", metavar: "NAME", group: container, help: "its host name" },
  label: {
    type: "string",
    short: "l",
    repeatable: true,
    metavar: "KEY[=VALUE]",
    group: container,
    help: "attach a label",
  },
  rm: { type: "boolean", group: container, help: "remove the container when it has ended" },
  cidfile: {
    type: "string",
    metavar: "FILE",
    completes: "file",
    group: container,
    help: "write the ID to this file, which must not exist",
  },
  ulimit: {
    type: "string",
    repeatable: true,
    metavar: "NAME=SOFT[:HARD]",
    group: container,
    help: "resource limit of its processes, as nofile=1024:2048",
  },

  ...resourceFlags,

  volume: {
    type: "string",
    short: "v",
    repeatable: true,
    metavar: "[SRC:]DST[:OPTIONS]",
    group: files,
    help: "mount a file or directory of the host; without SRC, an empty directory of its own",
  },
  tmpfs: {
    type: "string",
    repeatable: true,
    metavar: "DST[:OPTIONS]",
    group: files,
    help: "mount a file system that lives in memory",
  },
  "read-only": { type: "boolean", group: files, help: "make the root file system read-only" },
  "shm-size": { type: "size", group: files, help: "size of /dev/shm; 64m unless given" },

  network: {
    type: "string",
    aliases: ["net"],
    default: "host",
    metavar: "host|none",
    group: network,
    help: "share the host's network, or have none but loopback",
  },
  publish: {
    type: "string",
    short: "p",
    repeatable: true,
    metavar: "[IP:]PORT:PORT",
    group: network,
    help: "refused: needs the bridge network, which this version does not have",
  },
  dns: {
    type: "string",
    repeatable: true,
    metavar: "ADDRESS",
    group: network,
    help: "name server instead of the host's",
  },
  "add-host": {
    type: "string",
    repeatable: true,
    metavar: "NAME:ADDRESS",
    group: network,
    help: "line for /etc/hosts",
  },

  pull: {
    type: "string",
    choices: ["always", "missing", "never"],
    default: "missing",
    group: image,
    help: "when to ask the registry",
  },
  platform: {
    type: "string",
    metavar: "OS/ARCH[/VARIANT]",
    group: image,
    help: "platform to choose from an image for several; this machine's unless given",
  },
  quiet: { type: "boolean", short: "q", group: image, help: "show no progress" },
  progress: { ...progressFlag, group: image },
  "layer-format": { ...layerFormatFlag, group: image },
  creds: { ...credentialFlag, group: image },
  authfile: { ...registryFlags.authfile, group: image },
  "tls-verify": { ...registryFlags["tls-verify"], group: image },

  "cap-add": {
    type: "string",
    repeatable: true,
    metavar: "CAPABILITY",
    group: security,
    help: "add a capability, or ALL",
  },
  "cap-drop": {
    type: "string",
    repeatable: true,
    metavar: "CAPABILITY",
    group: security,
    help: "drop a capability, or ALL",
  },
  privileged: {
    type: "boolean",
    group: security,
    help: "all capabilities, no system call filter, nothing masked or read-only",
  },
  "security-opt": {
    type: "string",
    repeatable: true,
    metavar: "OPTION",
    group: security,
    help: "no-new-privileges, seccomp=unconfined or seccomp=FILE",
  },
});

/** What `run` takes. */
export const runFlags = flags({
  ...createFlags,
  attach: { type: "boolean", group: terminal, help: "stay until the program ends and show its output" },
  detach: {
    type: "boolean",
    short: "d",
    group: terminal,
    help: "leave it in the background and print its ID",
  },
  "detach-keys": { ...detachKeysFlag, group: terminal },
  "dry-run": { type: "boolean", group: program, help: "print the plan for the kernel and do nothing" },
});

const bridge = "needs the bridge network, which this version does not have";

/** docker's flags that have no effect to offer here yet: refused by name, rather than ignored. */
export const absentRunFlags: Readonly<Record<string, string>> = {
  "oom-kill-disable": "not in this version",
  "publish-all": bridge,
  P: bridge,
  expose: bridge,
  ip: bridge,
  ip6: bridge,
  "mac-address": bridge,
  "network-alias": bridge,
  link: bridge,
  restart: "restart policies are not in this version",
  mount: "not in this version: use -volume or -tmpfs",
  device: "devices of the host are not in this version",
  gpus: "devices of the host are not in this version",
  init: "not in this version",
  "health-cmd": "health checks are not in this version",
  userns: "user namespaces for containers are not in this version",
  "log-driver": "not in this version: logs are always kept in the container's directory",
};
