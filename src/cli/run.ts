/** `currunt run` and `currunt create`. */
import { CurruntError } from "../base/error.ts";
import type { Engine } from "../engine/engine.ts";
import type { RunOptions } from "../engine/options.ts";
import { defineCommand } from "./command.ts";
import { asksForVariables, callerEnvironment } from "./environment.ts";
import { openEngine } from "./open-engine.ts";
import { print, printable, tell } from "./output.ts";
import { pullWatch } from "./pull-watch.ts";
import { absentRunFlags, createFlags, runFlags } from "./run-flags.ts";
import { readRunOptions } from "./run-options.ts";
import { exitCodeOfEnd, refuseMissingTerminal } from "./session.ts";

export const run = defineCommand({
  name: "run",
  usage: [
    "[flags] -image NAME [COMMAND [ARGUMENT…]]",
    "[flags] IMAGE [COMMAND [ARGUMENT…]]",
    "[flags] -rootfs DIR [--] [COMMAND [ARGUMENT…]]",
  ],
  description: [
    "Creates a container and starts it, after getting the image when it is missing.",
    "With -image the container is left in the background and its ID is printed, unless one of -interactive, -tty and -attach is given. With the image as an argument, which is docker's form, and with -rootfs, currunt stays until the program ends, unless -detach is given.",
    "-rootfs runs on a copy-on-write view of a directory: with / that is this very system, and nothing of what the program installs or deletes is real. Such a container is removed when it ends, unless it has a -name or stays in the background.",
    "The exit code is the program's; 125 when currunt fails, 126 when the program cannot be executed, 127 when there is none, 128 + N when signal N ended it.",
  ].join("\n\n"),
  examples: [
    { command: "currunt run -image busybox -interactive -tty", text: "a shell in a terminal" },
    { command: "currunt run -image nginx -name web", text: "a service in the background" },
    {
      command: 'currunt run -image busybox -attach -volume .:/app -workdir /app -cmd "ls -l"',
      text: "a command on the files of this directory",
    },
    { command: "currunt run -rm -it busybox sh", text: "docker's form" },
    {
      command: "currunt run -rootfs / -- sh -c 'rm -rf /usr/share/doc'",
      text: "try it on a throw-away copy of this system",
    },
  ],
  flags: runFlags,
  absent: absentRunFlags,
  completes: "image",
  stopAtPositional: true,
  async run({ flags, given, positionals }) {
    const options = await readRunOptions({ flags, given, positionals, ...(await surroundings(flags)) });
    if (flags["dry-run"]) return await printPlan(await openEngine(flags), options);
    if (options.attach) await refuseMissingTerminal(options);
    const engine = await openEngine(flags);
    const onWarning = (message: string) => tell(printable(`warning: ${message}`));
    const { id, end } = await pullWatch(flags, (watch) => engine.run(options, { ...watch, onWarning }));
    if (end !== undefined) return exitCodeOfEnd(end);
    await print(id);
    return 0;
  },
});

export const create = defineCommand({
  name: "create",
  usage: ["[flags] -image NAME [COMMAND [ARGUMENT…]]", "[flags] IMAGE [COMMAND [ARGUMENT…]]"],
  description:
    'Creates a container without starting it, and prints its ID. "currunt start" starts it. The flags are those of run.',
  examples: [
    { command: "currunt create -image busybox -tty -interactive -name box", text: "make now, start later" },
  ],
  flags: createFlags,
  absent: {
    ...absentRunFlags,
    attach: "is a flag of start",
    detach: "a created container does not run",
    "dry-run": "is a flag of run",
  },
  completes: "image",
  stopAtPositional: true,
  async run({ flags, given, positionals }) {
    const options = await readRunOptions({ flags, given, positionals, ...(await surroundings(flags)) });
    const engine = await openEngine(flags);
    await print(await pullWatch(flags, (watch) => engine.create(options, watch)));
    return 0;
  },
});

async function surroundings(flags: Parameters<typeof asksForVariables>[0]) {
  return { directory: process.cwd(), environment: await callerEnvironment(asksForVariables(flags)) };
}

async function printPlan(engine: Engine, options: RunOptions): Promise<number> {
  const lines = await engine.dryRun(options);
  if (lines.length === 0) throw new CurruntError("internal", "the plan is empty");
  await print(lines.join("\n"));
  return 0;
}
