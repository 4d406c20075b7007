/** `currunt system df` and `currunt system check`. */
import type { Engine } from "../engine/engine.ts";
import type { DiskUsage, Usage } from "../engine/image-options.ts";
import { defineCommand } from "./command.ts";
import { ago, humanSize, shortId } from "./human.ts";
import { rowsOf } from "./images.ts";
import { openEngine } from "./open-engine.ts";
import { layOut, print, printable, tell } from "./output.ts";
import type { Column } from "./table.ts";
import { listFlags, printList } from "./table.ts";

export const systemDf = defineCommand({
  name: "system df",
  usage: ["[flags]"],
  description:
    "Shows what images, containers and volumes take on the disk, and what prune could give back. Layers that several images have count once.",
  examples: [{ command: "currunt system df -verbose", text: "each image, container and volume" }],
  flags: {
    verbose: { type: "boolean", short: "v", help: "show each image, container and volume" },
    format: listFlags.format,
  },
  positionals: { max: 0, names: "no arguments" },
  async run({ flags }) {
    const engine = await openEngine(flags);
    const usage = await engine.diskUsage();
    if (flags.verbose && flags.format === undefined) await print(await details(engine, usage));
    else await printList(summaryOf(usage), { columns: summaryColumns, format: flags.format });
    return 0;
  },
});

interface SummaryRow extends Usage {
  readonly type: string;
}

function summaryOf({ images, containers, volumes, unfinished }: DiskUsage): SummaryRow[] {
  return [
    { type: "Images", ...images },
    { type: "Containers", ...containers },
    { type: "Local Volumes", ...volumes },
    { type: "Unfinished Pulls", ...unfinished },
  ];
}

const summaryColumns: readonly Column<SummaryRow>[] = [
  { heading: "TYPE", field: "Type", text: ({ type }) => type },
  { heading: "TOTAL", field: "TotalCount", text: ({ total }) => String(total), json: ({ total }) => total },
  { heading: "ACTIVE", field: "Active", text: ({ active }) => String(active), json: ({ active }) => active },
  {
    heading: "SIZE",
    field: "Size",
    text: ({ sizeBytes }) => humanSize(sizeBytes),
    json: ({ sizeBytes }) => sizeBytes,
  },
  {
    heading: "RECLAIMABLE",
    field: "Reclaimable",
    text: ({ sizeBytes, reclaimableBytes }) => {
      const part = sizeBytes === 0 ? 0 : Math.floor((100 * reclaimableBytes) / sizeBytes);
      return `${humanSize(reclaimableBytes)} (${part}%)`;
    },
    json: ({ reclaimableBytes }) => reclaimableBytes,
  },
];

async function details(engine: Engine, usage: DiskUsage): Promise<string> {
  const [images, containers, now] = [await engine.images(), await engine.list({ all: true }), Date.now()];
  const imageRows = images.flatMap(rowsOf).map(({ image, repository, tag }) => {
    const shared = usage.sharedBytes.get(image.id) ?? 0;
    const sizes = [image.sizeBytes, shared, image.sizeBytes - shared].map(humanSize);
    return [
      repository,
      tag,
      shortId(image.id),
      ago(image.createdAt, now),
      ...sizes,
      String(image.containers),
    ];
  });
  const containerRows = containers.map(({ id, image, command, createdAt, status, name }) => {
    const size = humanSize(usage.containerBytes.get(id) ?? 0);
    return [shortId(id), image, JSON.stringify(command.join(" ")), size, ago(createdAt, now), status, name];
  });
  const volumeRows = usage.volumeList.map(({ name, links, sizeBytes }) => [
    name,
    String(links),
    humanSize(sizeBytes),
  ]);
  const imageHeadings = [
    "REPOSITORY",
    "TAG",
    "IMAGE ID",
    "CREATED",
    "SIZE",
    "SHARED SIZE",
    "UNIQUE SIZE",
    "CONTAINERS",
  ];
  const containerHeadings = ["CONTAINER ID", "IMAGE", "COMMAND", "SIZE", "CREATED", "STATUS", "NAMES"];
  return [
    `Images space usage:\n\n${layOut([imageHeadings, ...imageRows])}`,
    `Containers space usage:\n\n${layOut([containerHeadings, ...containerRows])}`,
    `Local Volumes space usage:\n\n${layOut([["VOLUME NAME", "LINKS", "SIZE"], ...volumeRows])}`,
  ].join("\n\n");
}

export const systemCheck = defineCommand({
  name: "system check",
  usage: ["[flags]"],
  description:
    "Looks for damage in all that is stored: reads every blob and every file of every layer, and compares them with their digests and with what they were when they were unpacked. Prints what is wrong, and ends with 1 when any of it is left.\n\nWith -repair it removes what is damaged with the images that have it, for the next pull to bring it again, and what belongs to nothing.",
  examples: [{ command: "currunt system check -repair", text: "after a crash of the disk" }],
  flags: {
    repair: { type: "boolean", short: "r", help: "remove what is damaged, and what belongs to nothing" },
    quiet: { type: "boolean", short: "q", help: "print nothing but what is wrong" },
  },
  positionals: { max: 0, names: "no arguments" },
  async run({ flags }) {
    const engine = await openEngine(flags);
    const onProgress = flags.quiet ? () => undefined : tell;
    const found = await engine.check({ repair: flags.repair, onProgress });
    for (const { subject, problem, repair } of found) {
      await print(printable(`${subject}: ${problem}${repair === undefined ? "" : ` (${repair})`}`));
    }
    if (found.length === 0 && !flags.quiet) tell("nothing is wrong");
    const left = found.filter(({ repair }) => repair === undefined);
    if (left.length > 0 && !flags.repair)
      tell('hint: "currunt system check -repair" removes what is damaged');
    return left.length === 0 ? 0 : 1;
  },
});
