/** `currunt ps`. */
import type { ContainerSummary } from "../engine/summary.ts";
import { defineCommand } from "./command.ts";
import { ago, humanDuration, shortId, truncate } from "./human.ts";
import { openEngine } from "./open-engine.ts";
import type { Column } from "./table.ts";
import { absentListFlags, labelText, listFlags, printList } from "./table.ts";

export const ps = defineCommand({
  name: "ps",
  usage: ["[flags]"],
  description:
    "Lists the containers that run; with -all, those that were created or have ended too. The newest come first.",
  examples: [
    { command: "currunt ps -all -quiet", text: "the IDs of all, for scripts" },
    { command: "currunt ps -format '{{.ID}} {{.Names}} {{.Status}}'", text: "chosen fields" },
    { command: "currunt ps -format json", text: "everything, for programs" },
  ],
  flags: {
    all: { type: "boolean", short: "a", help: "show those that do not run too" },
    quiet: listFlags.quiet,
    "no-trunc": { type: "boolean", help: "do not shorten IDs and commands" },
    format: listFlags.format,
  },
  absent: absentListFlags,
  positionals: { max: 0, names: "no arguments" },
  async run({ flags }) {
    const engine = await openEngine(flags);
    const rows = await engine.list({ all: flags.all });
    const columns = containerColumns({ now: Date.now(), whole: flags["no-trunc"] });
    await printList(rows, {
      columns,
      format: flags.format,
      quiet: flags.quiet ? (row) => (flags["no-trunc"] ? row.id : shortId(row.id)) : undefined,
    });
    return 0;
  },
});

/** The columns of a list of containers; `whole` leaves nothing out. */
export function containerColumns(style: { now: number; whole: boolean }): Column<ContainerSummary>[] {
  const { now, whole } = style;
  const time = (value: number | undefined) => (value === undefined ? null : new Date(value).toISOString());
  const command = (row: ContainerSummary) => JSON.stringify(row.command.join(" "));
  return [
    {
      heading: "CONTAINER ID",
      field: "ID",
      text: ({ id }) => (whole ? id : shortId(id)),
      json: ({ id }) => id,
    },
    { heading: "IMAGE", field: "Image", text: ({ image }) => image },
    {
      heading: "COMMAND",
      field: "Command",
      text: (row) => (whole ? command(row) : `"${truncate(row.command.join(" "), 20)}"`),
      json: ({ command }) => command,
    },
    {
      heading: "CREATED",
      field: "CreatedAt",
      text: ({ createdAt }) => ago(createdAt, now),
      json: ({ createdAt }) => time(createdAt),
    },
    { heading: "STATUS", field: "Status", text: (row) => statusText(row, now) },
    { heading: "NAMES", field: "Names", text: ({ name }) => name },
    {
      heading: "STATE",
      field: "State",
      text: ({ status, paused }) => (paused === true ? "paused" : status),
      hidden: true,
    },
    {
      heading: "PID",
      field: "Pid",
      text: ({ pid }) => String(pid ?? 0),
      json: ({ pid }) => pid ?? 0,
      hidden: true,
    },
    {
      heading: "EXIT CODE",
      field: "ExitCode",
      text: ({ exitCode }) => String(exitCode ?? ""),
      json: ({ exitCode }) => exitCode ?? null,
      hidden: true,
    },
    {
      heading: "STARTED",
      field: "StartedAt",
      text: ({ startedAt }) => time(startedAt) ?? "",
      json: ({ startedAt }) => time(startedAt),
      hidden: true,
    },
    {
      heading: "ENDED",
      field: "ExitedAt",
      text: ({ exitedAt }) => time(exitedAt) ?? "",
      json: ({ exitedAt }) => time(exitedAt),
      hidden: true,
    },
    {
      heading: "LABELS",
      field: "Labels",
      text: ({ labels }) => labelText(labels),
      json: ({ labels }) => labels,
      hidden: true,
    },
  ];
}

/** docker's words: "Up 3 minutes", "Exited (0) 2 hours ago", "Created". */
function statusText(row: ContainerSummary, now: number): string {
  if (row.status === "created") return "Created";
  const paused = row.paused === true ? " (Paused)" : "";
  if (row.status === "running") {
    return `Up ${humanDuration(Math.max(0, now - (row.startedAt ?? now)))}${paused}`;
  }
  return `Exited (${row.exitCode ?? "unknown"}) ${ago(row.exitedAt ?? now, now)}`;
}
