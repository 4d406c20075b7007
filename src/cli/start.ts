/** `currunt start`. */
import { CurruntError } from "../base/error.ts";
import { defineCommand } from "./command.ts";
import { detachKeysOption } from "./detach-keys.ts";
import { forEach } from "./each.ts";
import { openEngine } from "./open-engine.ts";
import { reportStyle } from "./report.ts";
import { detachKeysFlag, exitCodeOfEnd } from "./session.ts";

export const start = defineCommand({
  name: "start",
  usage: ["[flags] CONTAINER…"],
  description:
    "Starts containers that were created or have ended, and prints their names. With -attach it stays until the program ends, shows its output and ends with its exit code.",
  examples: [
    { command: "currunt start -attach -interactive box", text: "go on in a container that has ended" },
  ],
  flags: {
    attach: { type: "boolean", short: "a", help: "stay until the program ends and show its output" },
    interactive: { type: "boolean", short: "i", help: "stay, and pass standard input on" },
    "detach-keys": detachKeysFlag,
  },
  completes: "container",
  positionals: { min: 1, names: "the name of a container" },
  async run({ flags, positionals }) {
    const attach = flags.attach || flags.interactive;
    if (attach && positionals.length > 1) {
      throw new CurruntError("invalid", "start: -attach and -interactive take one container");
    }
    const engine = await openEngine(flags);
    const options = {
      attach,
      interactive: flags.interactive,
      ...detachKeysOption(flags["detach-keys"]),
    };
    if (!attach) {
      return await forEach(positionals, { order: "sequential", style: reportStyle(flags) }, async (name) => {
        await engine.start(name, options);
        return name;
      });
    }
    const { end } = await engine.start(positionals[0] ?? "", options);
    return end === undefined ? 0 : exitCodeOfEnd(end);
  },
});
