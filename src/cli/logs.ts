/** `currunt logs`. */
import { CurruntError } from "../base/error.ts";
import { defineCommand } from "./command.ts";
import { openEngine } from "./open-engine.ts";
import { readDuration } from "./value.ts";

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

/** A date (RFC 3339, or without time or zone), seconds since 1970, or a duration before `now`; milliseconds since 1970. */
export function readTime(text: string, flag: string, now: number): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Math.floor(Number(text) * 1000);
  if (/^\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[-+]\d{2}:?\d{2})?)?$/.test(text)) {
    // Go's nanoseconds are more digits than Date reads; a day without a time is local midnight, as in docker.
    const date = Date.parse(text.includes("T") ? text.replace(/(\.\d{3})\d+/, "$1") : `${text}T00:00:00`);
    if (!Number.isNaN(date)) return date;
  }
  if (/^\d.*[a-z]$/.test(text)) return now - readDuration(text, flag);
  throw new CurruntError("invalid", `flag ${flag}: ${JSON.stringify(text)} is not a time`, {
    hint: "write 2026-01-31, 2026-01-31T12:00:00Z, seconds since 1970, or 10m for ten minutes ago",
  });
}
