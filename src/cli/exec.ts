/** `currunt exec`. */
import { defineCommand } from "./command.ts";
import { detachKeysOption } from "./detach-keys.ts";
import { asksForVariables, callerEnvironment } from "./environment.ts";
import { openEngine } from "./open-engine.ts";
import { environmentOf, parseUser, workdirOf } from "./run-options.ts";
import { detachKeysFlag, exitCodeOfEnd, refuseMissingTerminal } from "./session.ts";

export const exec = defineCommand({
  name: "exec",
  usage: ["[flags] CONTAINER COMMAND [ARGUMENT…]"],
  description:
    "Runs another program in a running container. Ends with the program's exit code; 125 when currunt fails, 126 when the program cannot be executed, 127 when there is none.",
  examples: [
    { command: "currunt exec -it web sh", text: "a shell in a running container" },
    { command: "currunt exec -user nobody web id", text: "as another user" },
  ],
  flags: {
    interactive: { type: "boolean", short: "i", help: "pass standard input on" },
    tty: { type: "boolean", short: "t", help: "give the program a terminal" },
    detach: { type: "boolean", short: "d", help: "leave it in the background" },
    env: {
      type: "string",
      short: "e",
      repeatable: true,
      metavar: "NAME[=VALUE]",
      help: "environment variable; without a value, the one of this environment",
    },
    "env-file": {
      type: "string",
      repeatable: true,
      metavar: "FILE",
      completes: "file",
      help: "read environment variables from a file, one a line",
    },
    user: {
      type: "string",
      short: "u",
      metavar: "USER[:GROUP]",
      help: "run as this user, by name or number",
    },
    workdir: { type: "string", short: "w", metavar: "DIR", help: "directory to start in" },
    privileged: { type: "boolean", help: "with all capabilities and without the system call filter" },
    "detach-keys": detachKeysFlag,
  },
  completes: "container",
  stopAtPositional: true,
  positionals: { min: 2, names: "the name of a container and a command" },
  async run({ flags, positionals: [name = "", ...words] }) {
    const options = {
      // Nobody means a program called "--": kubectl's habit is taken too.
      command: words[0] === "--" && words.length > 1 ? words.slice(1) : words,
      env: await environmentOf({ flags, environment: await callerEnvironment(asksForVariables(flags)) }),
      ...(flags.workdir === undefined ? {} : { workdir: workdirOf(flags.workdir) }),
      ...(flags.user === undefined ? {} : { user: parseUser(flags.user) }),
      privileged: flags.privileged,
      interactive: flags.interactive,
      terminal: flags.tty,
      detach: flags.detach,
      ...detachKeysOption(flags["detach-keys"]),
    };
    if (!options.detach) await refuseMissingTerminal(options);
    const engine = await openEngine(flags);
    return exitCodeOfEnd(await engine.exec(name, options));
  },
});
