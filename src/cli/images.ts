/** `currunt images` and `currunt rmi`. */
import type { ImageSummary } from "../engine/engine.ts";
import { defineCommand } from "./command.ts";
import { forEach } from "./each.ts";
import { ago, humanSize, shortId } from "./human.ts";
import { openEngine } from "./open-engine.ts";
import { reportStyle } from "./report.ts";
import type { Column } from "./table.ts";
import { absentListFlags, listFlags, printList } from "./table.ts";

export const images = defineCommand({
  name: "images",
  usage: ["[flags]"],
  description: "Lists the images that are here, a line for each of their names.",
  examples: [{ command: "currunt images -format '{{.Repository}}:{{.Tag}}'", text: "chosen fields" }],
  flags: {
    quiet: listFlags.quiet,
    digests: { type: "boolean", help: "show the digests of their manifests" },
    "no-trunc": { type: "boolean", help: "do not shorten IDs" },
    format: listFlags.format,
  },
  absent: absentListFlags,
  positionals: { max: 0, names: "no arguments" },
  async run({ flags }) {
    const engine = await openEngine(flags);
    const rows = (await engine.images()).flatMap(rowsOf);
    const whole = flags["no-trunc"];
    await printList(flags.quiet ? firstOfEach(rows) : rows, {
      columns: imageColumns({ now: Date.now(), whole, digests: flags.digests }),
      format: flags.format,
      quiet: flags.quiet ? ({ image }) => (whole ? image.id : shortId(image.id)) : undefined,
    });
    return 0;
  },
});

/** One name of an image. */
export interface ImageRow {
  readonly image: ImageSummary;
  readonly repository: string;
  readonly tag: string;
}

/** A row a reference; an image without any has one of its own. */
export function rowsOf(image: ImageSummary): ImageRow[] {
  const none = "<none>";
  if (image.references.length === 0) return [{ image, repository: none, tag: none }];
  return image.references.map((reference) => {
    const name = reference.replace(/@.*$/, "");
    // A colon after the last slash begins the tag; one before it is the registry's port.
    const colon = name.indexOf(":", name.lastIndexOf("/") + 1);
    return colon === -1
      ? { image, repository: name, tag: none }
      : { image, repository: name.slice(0, colon), tag: name.slice(colon + 1) };
  });
}

function firstOfEach(rows: readonly ImageRow[]): ImageRow[] {
  return [...new Map(rows.toReversed().map((row) => [row.image.id, row])).values()].toReversed();
}

function imageColumns(style: { now: number; whole: boolean; digests: boolean }): Column<ImageRow>[] {
  const digest: Column<ImageRow> = {
    heading: "DIGEST",
    field: "Digest",
    text: ({ image }) => image.manifestDigest,
    ...(style.digests ? {} : { hidden: true }),
  };
  return [
    { heading: "REPOSITORY", field: "Repository", text: ({ repository }) => repository },
    { heading: "TAG", field: "Tag", text: ({ tag }) => tag },
    digest,
    {
      heading: "IMAGE ID",
      field: "ID",
      text: ({ image }) => (style.whole ? image.id : shortId(image.id)),
      json: ({ image }) => image.id,
    },
    {
      heading: "CREATED",
      field: "CreatedAt",
      text: ({ image }) => ago(image.createdAt, style.now),
      json: ({ image }) => new Date(image.createdAt).toISOString(),
    },
    {
      heading: "SIZE",
      field: "Size",
      text: ({ image }) => humanSize(image.sizeBytes),
      json: ({ image }) => image.sizeBytes,
    },
    { heading: "PLATFORM", field: "Platform", text: ({ image }) => image.platform, hidden: true },
  ];
}

export const rmi = defineCommand({
  name: "rmi",
  usage: ["[flags] IMAGE…"],
  description:
    "Removes names of images, and an image with its last name. Layers that other images share stay. An image that a container uses is removed only with -force.",
  examples: [{ command: "currunt rmi busybox", text: "remove an image" }],
  flags: {
    force: {
      type: "boolean",
      short: "f",
      help: "remove it with several names, or with containers that use it",
    },
  },
  completes: "image",
  positionals: { min: 1, names: "the name of an image" },
  async run({ flags, positionals }) {
    const engine = await openEngine(flags);
    return await forEach(positionals, { order: "sequential", style: reportStyle(flags) }, async (name) => {
      const { untagged, deleted } = await engine.removeImage(name, { force: flags.force });
      const lines = untagged.map((reference) => `Untagged: ${reference}`);
      if (deleted !== undefined) lines.push(`Deleted: ${deleted}`);
      return lines.join("\n");
    });
  },
});
