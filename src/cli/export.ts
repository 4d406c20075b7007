/** `currunt export`. */
import { defineCommand } from "./command.ts";
import { openEngine } from "./open-engine.ts";
import { outputFlag, writing } from "./output-flag.ts";

export const exportCommand = defineCommand({
  name: "export",
  usage: ["[flags] CONTAINER"],
  description:
    "Writes all files of a container as a tar archive, without what is mounted in it. It may run meanwhile. A file appears when the archive is complete.",
  examples: [
    { command: "currunt export -output web.tar web", text: "to a file" },
    { command: "currunt export web | tar -tv", text: "to another program" },
  ],
  flags: {
    output: outputFlag,
  },
  completes: "container",
  positionals: { min: 1, max: 1, names: "the name of a container" },
  async run({ flags: { output, ...flags }, positionals: [name = ""] }) {
    const engine = await openEngine(flags);
    await writing("export", output, () => engine.export(name, output));
    return 0;
  },
});
