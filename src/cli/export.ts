/** `currunt export`. */
import { isatty } from "node:tty";
import { CurruntError } from "../base/error.ts";
import { defineCommand } from "./command.ts";
import { openEngine } from "./open-engine.ts";
import { OutputClosed } from "./output.ts";

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
    output: {
      type: "string",
      short: "o",
      metavar: "FILE",
      default: "-",
      completes: "file",
      help: 'where it goes; "-" is standard output',
    },
  },
  completes: "container",
  positionals: { min: 1, max: 1, names: "the name of a container" },
  async run({ flags: { output, ...flags }, positionals: [name = ""] }) {
    if (output === "-" && isatty(1)) {
      throw new CurruntError("invalid", "export: standard output is a terminal", {
        hint: 'name a file with -output, or pipe it on: "currunt export CONTAINER | tar -t"',
      });
    }
    const engine = await openEngine(flags);
    try {
      await engine.export(name, output);
    } catch (cause) {
      if (output === "-" && cause instanceof Error && "code" in cause && cause.code === "EPIPE") {
        throw new OutputClosed("", { cause });
      }
      throw cause;
    }
    return 0;
  },
});
