/** `currunt wait`. */
import { defineCommand } from "./command.ts";
import { forEach } from "./each.ts";
import { openEngine } from "./open-engine.ts";
import { reportStyle } from "./report.ts";

export const wait = defineCommand({
  name: "wait",
  usage: ["[flags] CONTAINER…"],
  description:
    "Waits until each container has ended, and prints the exit codes of their programs, one a line. Its own exit code is 0.",
  examples: [{ command: "code=$(currunt wait job)", text: "the exit code of a job in the background" }],
  flags: {},
  completes: "container",
  positionals: { min: 1, names: "the name of a container" },
  async run({ flags, positionals }) {
    const engine = await openEngine(flags);
    return await forEach(positionals, { order: "parallel", style: reportStyle(flags) }, async (name) =>
      String(await engine.wait(name)),
    );
  },
});
