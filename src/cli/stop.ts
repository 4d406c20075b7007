/** `currunt stop` and `currunt kill`. */
import { defineCommand } from "./command.ts";
import { forEach } from "./each.ts";
import { openEngine } from "./open-engine.ts";
import { reportStyle } from "./report.ts";
import { secondsOf } from "./run-options.ts";
import { parseSignal } from "./signal.ts";

export const stop = defineCommand({
  name: "stop",
  usage: ["[flags] CONTAINER…"],
  description:
    "Sends each container the signal that asks its program to end (the image's stop signal, else TERM), and kills what has not ended in time. Prints the names. A container that has ended already is no error.",
  examples: [{ command: "currunt stop -time 30 web", text: "with half a minute to finish" }],
  flags: {
    signal: { type: "string", short: "s", metavar: "SIGNAL", help: "signal to send first" },
    time: {
      type: "duration",
      short: "t",
      aliases: ["timeout"],
      help: "how long to wait before killing; -1 for ever; the container's own, else 10 s, unless given",
    },
  },
  completes: "container",
  positionals: { min: 1, names: "the name of a container" },
  async run({ flags, positionals }) {
    const options = {
      ...(flags.signal === undefined ? {} : { signal: parseSignal(flags.signal, "-signal") }),
      ...(flags.time === undefined ? {} : { timeoutSeconds: secondsOf(flags.time) }),
    };
    const engine = await openEngine(flags);
    return await forEach(positionals, { order: "parallel", style: reportStyle(flags) }, async (name) => {
      await engine.stop(name, options);
      return name;
    });
  },
});

export const kill = defineCommand({
  name: "kill",
  usage: ["[flags] CONTAINER…"],
  description: "Sends a signal to the program of each container, and prints the names.",
  examples: [
    { command: "currunt kill -signal HUP web", text: "ask a service to read its configuration again" },
  ],
  flags: {
    signal: { type: "string", short: "s", metavar: "SIGNAL", default: "KILL", help: "name or number" },
  },
  completes: "container",
  positionals: { min: 1, names: "the name of a container" },
  async run({ flags, positionals }) {
    const signal = parseSignal(flags.signal, "-signal");
    const engine = await openEngine(flags);
    return await forEach(positionals, { order: "sequential", style: reportStyle(flags) }, async (name) => {
      await engine.kill(name, signal);
      return name;
    });
  },
});
