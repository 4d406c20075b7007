/** `currunt images`. */
import type { ImageSummary } from "../engine/image-options.ts";
import { defineCommand } from "./command.ts";
import { ago, humanSize, shortId } from "./human.ts";
import { imageFilterFlag, readImageFilters } from "./image-filter.ts";
import { openEngine } from "./open-engine.ts";
import type { Column } from "./table.ts";
import { labelText, listFlags, printList } from "./table.ts";

export const images = defineCommand({
  name: "images",
  usage: ["[flags] [NAME|PATTERN]"],
  description:
    "Lists the images that are here, a line for each of their names; those that were built last come first.",
  examples: [
    { command: "currunt images -format '{{.Repository}}:{{.Tag}}'", text: "chosen fields" },
    { command: "currunt images -filter dangling=true -quiet", text: "those that have no name any more" },
    { command: "currunt images 'quay.io/**'", text: "those of one registry" },
  ],
  flags: {
    all: { type: "boolean", short: "a", help: "all images, which are listed without it too (as in docker)" },
    filter: imageFilterFlag,
    quiet: listFlags.quiet,
    digests: { type: "boolean", help: "show the digests of their manifests" },
    "no-trunc": { type: "boolean", help: "do not shorten IDs" },
    format: listFlags.format,
  },
  completes: "image",
  positionals: { max: 1, names: "the name of an image" },
  async run({ flags, positionals }) {
    const filters = [
      ...readImageFilters(flags.filter, Date.now()),
      ...positionals.map((pattern) => ({ kind: "reference", pattern }) as const),
    ];
    const engine = await openEngine(flags);
    const rows = (await engine.images(filters)).flatMap(rowsOf);
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
  /** What the registry calls it: of an index, or of the manifest. */
  readonly digest: string;
}

/** A row a reference; an image without any has one of its own. */
export function rowsOf(image: ImageSummary): ImageRow[] {
  const none = "<none>";
  if (image.references.length === 0) {
    return [{ image, repository: none, tag: none, digest: image.manifestDigest }];
  }
  return image.references.map((reference, index) => {
    const digest = image.referenceDigests[index] ?? image.manifestDigest;
    const name = reference.replace(/@.*$/, "");
    // A colon after the last slash begins the tag; one before it is the registry's port.
    const colon = name.indexOf(":", name.lastIndexOf("/") + 1);
    return colon === -1
      ? { image, repository: name, tag: none, digest }
      : { image, repository: name.slice(0, colon), tag: name.slice(colon + 1), digest };
  });
}

function firstOfEach(rows: readonly ImageRow[]): ImageRow[] {
  return [...new Map(rows.toReversed().map((row) => [row.image.id, row])).values()].toReversed();
}

function imageColumns(style: { now: number; whole: boolean; digests: boolean }): Column<ImageRow>[] {
  const digest: Column<ImageRow> = {
    heading: "DIGEST",
    field: "Digest",
    text: (row) => row.digest,
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
    { heading: "CREATED", field: "CreatedSince", text: ({ image }) => ago(image.createdAt, style.now) },
    {
      heading: "SIZE",
      field: "Size",
      text: ({ image }) => humanSize(image.sizeBytes),
      json: ({ image }) => image.sizeBytes,
    },
    {
      heading: "CREATED AT",
      field: "CreatedAt",
      text: ({ image }) => new Date(image.createdAt).toISOString(),
      hidden: true,
    },
    {
      heading: "CONTAINERS",
      field: "Containers",
      text: ({ image }) => String(image.containers),
      json: ({ image }) => image.containers,
      hidden: true,
    },
    {
      heading: "LABELS",
      field: "Labels",
      text: ({ image }) => labelText(image.labels),
      json: ({ image }) => image.labels,
      hidden: true,
    },
    { heading: "PLATFORM", field: "Platform", text: ({ image }) => image.platform, hidden: true },
  ];
}
