/** `currunt logs`. */
import { CurruntError } from "../base/error.ts";
import { defineCommand } from "./command.ts";
import { openEngine } from "./open-engine.ts";
import { readTime } from "./time.ts";

export const logs = defineCommand({
  name: "logs",
  usage: ["[flags] CONTAINER"],
  description:
    "Shows what a container's program has written: its standard output on standard output, its standard error on standard error.",
  examples: [{ command: "currunt logs -follow -tail 20 web", text: "the last lines, and what comes" }],
  flags: {
    follow: { type: "boolean", short: "f", help: "go on until the container ends" },
    tail: { type: "string", short: "n", metavar: "N", default: "all", help: "only the last N lines" },
    since: { type: "string", metavar: "TIME", help: "only lines since a date, or a while ago, as 10m" },
    until: { type: "string", metavar: "TIME", help: "only lines before a date, or a while ago" },
    timestamps: { type: "boolean", short: "t", help: "show when each line was written" },
  },
  completes: "container",
  positionals: { min: 1, max: 1, names: "the name of a container" },
  async run({ flags, positionals: [name = ""] }) {
    const tail = readTail(flags.tail);
    const options = {
      follow: flags.follow,
      timestamps: flags.timestamps,
      ...(tail === undefined ? {} : { tail }),
      ...(flags.since === undefined ? {} : { since: readTime(flags.since, "-since", Date.now()) }),
      ...(flags.until === undefined ? {} : { until: readTime(flags.until, "-until", Date.now()) }),
    };
    const engine = await openEngine(flags);
    await engine.logs(name, options);
    return 0;
  },
});

function readTail(text: string): number | undefined {
  if (text === "all" || text === "-1") return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw new CurruntError("invalid", `flag -tail: ${JSON.stringify(text)} is not a number of lines or "all"`);
}
