/** `currunt history`. */
import type { ImageStep } from "../engine/image-options.ts";
import { defineCommand } from "./command.ts";
import { ago, humanSize, shortId, truncate } from "./human.ts";
import { openEngine } from "./open-engine.ts";
import type { Column } from "./table.ts";
import { listFlags, printList } from "./table.ts";

export const history = defineCommand({
  name: "history",
  usage: ["[flags] IMAGE"],
  description:
    "Shows how an image was made, the last step first: what was done, and how large a layer it gave.",
  examples: [{ command: "currunt history -no-trunc nginx", text: "with the whole commands" }],
  flags: {
    quiet: listFlags.quiet,
    "no-trunc": { type: "boolean", help: "do not shorten IDs and commands" },
    human: {
      type: "boolean",
      short: "H",
      default: true,
      help: "sizes and times in words; -human=false: in bytes and as dates",
    },
    format: listFlags.format,
  },
  completes: "image",
  positionals: { min: 1, max: 1, names: "the name of an image" },
  async run({ flags, positionals: [name = ""] }) {
    const engine = await openEngine(flags);
    const whole = flags["no-trunc"];
    await printList(await engine.history(name), {
      columns: historyColumns({ now: Date.now(), whole, human: flags.human }),
      format: flags.format,
      quiet: flags.quiet ? (step) => idOf(step, whole) : undefined,
    });
    return 0;
  },
});

function idOf({ id }: ImageStep, whole: boolean): string {
  if (id === undefined) return "<missing>";
  return whole ? id : shortId(id);
}

function historyColumns(style: { now: number; whole: boolean; human: boolean }): Column<ImageStep>[] {
  const { now, whole, human } = style;
  const date = ({ createdAt }: ImageStep) =>
    createdAt === undefined ? "" : new Date(createdAt).toISOString();
  const since = ({ createdAt }: ImageStep) => (createdAt === undefined ? "N/A" : ago(createdAt, now));
  return [
    {
      heading: "IMAGE",
      field: "ID",
      text: (step) => idOf(step, whole),
      json: ({ id }) => id ?? "<missing>",
    },
    { heading: "CREATED", field: "CreatedSince", text: human ? since : date },
    { heading: "CREATED AT", field: "CreatedAt", text: date, hidden: true },
    {
      heading: "CREATED BY",
      field: "CreatedBy",
      text: ({ createdBy }) => oneLine(whole ? createdBy : truncate(oneLine(createdBy), 45)),
      json: ({ createdBy }) => createdBy,
    },
    {
      heading: "SIZE",
      field: "Size",
      text: ({ sizeBytes }) => (human ? humanSize(sizeBytes) : String(sizeBytes)),
      json: ({ sizeBytes }) => sizeBytes,
    },
    {
      heading: "COMMENT",
      field: "Comment",
      text: ({ comment }) => oneLine(comment),
      json: ({ comment }) => comment,
    },
  ];
}

/** Steps of several lines would break the table. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
