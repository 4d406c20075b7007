/** Whether a command line means the OCI runtime or the engine, where both have a command of that name. */

/** Flags before the command that only OCI runtimes have. */
const globals = /^--?(root|log|systemd-cgroup|rootless|cgroup-manager|log-level)(=|$)/;

/** Commands that only OCI runtimes have. */
const commands = new Set(
  "state delete features spec events update pause resume list checkpoint restore".split(" "),
);

/** Flags behind the command that only OCI runtimes have, by command. */
const creating =
  /^(-b|--?(bundle|console-socket|pidfd-socket|pid-file|no-pivot|no-new-keyring|preserve-fds|no-subreaper))(=|$)/;
const flags: Readonly<Record<string, RegExp>> = {
  run: creating,
  create: creating,
  exec: /^(-p|--?(process|console-socket|pidfd-socket|pid-file|preserve-fds|process-label|apparmor|no-new-privs|cap|additional-gids|cgroup|ignore-paused))(=|$)/,
};

/** `program`: how this executable was called. */
export function meansOci(program: string, argv: readonly string[]): boolean {
  if (/(^|\/)(runc|crun)$/.test(program)) return true;
  let at = 0;
  for (; argv[at]?.startsWith("-") === true; at++) {
    if (globals.test(argv[at] ?? "")) return true;
    if (valued.test(argv[at] ?? "")) at++;
  }
  const command = argv[at] ?? "";
  if (commands.has(command)) return true;
  const own = Object.hasOwn(flags, command) ? flags[command] : undefined;
  return (
    own !== undefined &&
    argv.slice(at + 1).some((token, index, rest) => own.test(token) && isBeforeID(rest, index))
  );
}

/** The container that a command is about which both have: for `start kill exec ps` the first word that is no flag. */
export function sharedName(argv: readonly string[]): string | undefined {
  const [command = "", ...rest] = argv;
  if (!["start", "kill", "exec", "ps"].includes(command)) return undefined;
  return rest.find((token, at) => !token.startsWith("-") && !takesNext(rest[at - 1]));
}

/** The engine's own global flags whose value is the next argument. */
const valued = /^--?(data-root|run-root|log-format)$/;

/** A flag behind the container's ID is the program's: `exec ID ls -p`. */
function isBeforeID(rest: readonly string[], index: number): boolean {
  const id = rest.findIndex((token, at) => !token.startsWith("-") && !takesNext(rest[at - 1]));
  return id === -1 || index < id;
}

const takingNext =
  /^(-[beugpcfw]|--?(format|env-file|detach-keys|workdir|bundle|config|console-socket|pidfd-socket|pid-file|preserve-fds|process|process-label|apparmor|cap|additional-gids|cgroup|cwd|env|user))$/;

function takesNext(token: string | undefined): boolean {
  return token !== undefined && takingNext.test(token);
}
