/** `currunt attach`. */
import { defineCommand } from "./command.ts";
import { detachKeysOption } from "./detach-keys.ts";
import { openEngine } from "./open-engine.ts";
import { detachKeysFlag, exitCodeOfEnd } from "./session.ts";

export const attach = defineCommand({
  name: "attach",
  usage: ["[flags] CONTAINER"],
  description:
    "Joins this terminal to a running container: its output is shown, and what is typed goes to its program. Ends with the program's exit code, or with 0 when the detach keys are pressed.",
  examples: [{ command: "currunt attach web", text: "go back to a container in the background" }],
  flags: {
    "no-stdin": { type: "boolean", help: "do not pass standard input on" },
    "sig-proxy": { type: "boolean", default: true, help: "pass signals on to the program" },
    "detach-keys": detachKeysFlag,
  },
  completes: "container",
  positionals: { min: 1, max: 1, names: "the name of a container" },
  async run({ flags, positionals: [name = ""] }) {
    const engine = await openEngine(flags);
    const end = await engine.attach(name, {
      noStdin: flags["no-stdin"],
      signalProxy: flags["sig-proxy"],
      ...detachKeysOption(flags["detach-keys"]),
    });
    return exitCodeOfEnd(end);
  },
});
