/** `currunt rm`. */
import { defineCommand } from "./command.ts";
import { forEach } from "./each.ts";
import { openEngine } from "./open-engine.ts";
import { reportStyle } from "./report.ts";

export const rm = defineCommand({
  name: "rm",
  usage: ["[flags] CONTAINER…"],
  description: "Removes containers that have ended, with all that they changed, and prints their names.",
  examples: [{ command: "currunt rm -force $(currunt ps -all -quiet)", text: "remove every container" }],
  flags: {
    force: { type: "boolean", short: "f", help: "kill a running container first; a missing one is no error" },
    volumes: { type: "boolean", short: "v", help: "remove its anonymous volumes too" },
  },
  completes: "container",
  positionals: { min: 1, names: "the name of a container" },
  async run({ flags, positionals }) {
    const engine = await openEngine(flags);
    return await forEach(positionals, { order: "sequential", style: reportStyle(flags) }, async (name) => {
      const id = await engine.remove(name, { force: flags.force, volumes: flags.volumes });
      return id === undefined ? undefined : name;
    });
  },
});
