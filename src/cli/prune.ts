/** `currunt image prune`, `container prune`, `volume prune` and `system prune`. */
import type { Pruned, PruneOptions } from "../engine/image-options.ts";
import { defineCommand } from "./command.ts";
import { confirmed } from "./confirm.ts";
import type { Values } from "./flag.ts";
import type { globalFlags } from "./global.ts";
import { humanSize } from "./human.ts";
import { pruneFilterFlag, pruneFilterNames, readImageFilters } from "./image-filter.ts";
import { openEngine } from "./open-engine.ts";
import { print } from "./output.ts";

const force = { type: "boolean", short: "f", help: "do not ask" } as const;
const dryRun = { type: "boolean", help: "show what would be removed, and remove nothing" } as const;
const all = {
  type: "boolean",
  short: "a",
  help: "remove all images that no container uses, those with names too",
} as const;
const common = { force, "dry-run": dryRun, filter: pruneFilterFlag } as const;
const none = { max: 0, names: "no arguments" } as const;

interface PruneFlags {
  readonly force: boolean;
  readonly "dry-run": boolean;
  readonly filter?: readonly string[];
}

export const imagePrune = defineCommand({
  name: "image prune",
  usage: ["[flags]"],
  description:
    "Removes images that have no name and that no container uses; with -all those with names too. Layers that other images have stay.",
  examples: [
    { command: "currunt image prune -all -filter until=720h", text: "all that are older than a month" },
  ],
  flags: { ...common, all },
  positionals: none,
  run: async ({ flags }) =>
    await pruneWith(flags, {
      what: { containers: false, images: flags.all ? "all" : "dangling", volumes: false, unfinished: false },
      warning: `This removes all images ${flags.all ? "that no container uses" : "without a name"}.`,
    }),
});

export const containerPrune = defineCommand({
  name: "container prune",
  usage: ["[flags]"],
  description:
    "Removes containers that do not run, with all that they changed. Their anonymous volumes stay.",
  examples: [{ command: "currunt container prune -force -filter label=stage=test", text: "some of them" }],
  flags: common,
  positionals: none,
  run: async ({ flags }) =>
    await pruneWith(flags, {
      what: { containers: true, volumes: false, unfinished: false },
      warning: "This removes all containers that do not run.",
    }),
});

export const volumePrune = defineCommand({
  name: "volume prune",
  usage: ["[flags]"],
  description: "Removes anonymous volumes of containers that are gone.",
  examples: [{ command: "currunt volume prune -dry-run", text: "which ones these are" }],
  flags: { force, "dry-run": dryRun },
  positionals: none,
  run: async ({ flags }) =>
    await pruneWith(flags, {
      what: { containers: false, volumes: true, unfinished: false },
      warning: "This removes all volumes that no container has.",
    }),
});

export const systemPrune = defineCommand({
  name: "system prune",
  usage: ["[flags]"],
  description:
    "Removes containers that do not run, images without a name, and what commands and pulls that were cut short have left; with -all also images that no container uses, with -volumes also volumes that no container has.",
  examples: [{ command: "currunt system prune -all -volumes -force", text: "everything but what runs" }],
  flags: {
    ...common,
    all,
    volumes: { type: "boolean", help: "remove volumes that no container has, too" },
  },
  positionals: none,
  run: async ({ flags }) => {
    const images = flags.all ? "all images that no container uses" : "all images without a name";
    const volumes = flags.volumes ? ", and all volumes that no container has" : "";
    return await pruneWith(flags, {
      what: {
        containers: true,
        images: flags.all ? "all" : "dangling",
        volumes: flags.volumes,
        unfinished: true,
      },
      warning: `This removes all containers that do not run, ${images}${volumes}.`,
    });
  },
});

async function pruneWith(
  flags: PruneFlags & Values<typeof globalFlags>,
  { what, warning }: Pick<PruneOptions, "what"> & { readonly warning: string },
): Promise<number> {
  const filters = readImageFilters(flags.filter ?? [], Date.now(), pruneFilterNames);
  const engine = await openEngine(flags);
  if (!flags.force && !flags["dry-run"] && !(await confirmed(warning))) return 1;
  await print(report(await engine.prune({ what, filters, dryRun: flags["dry-run"] }), flags["dry-run"]));
  return 0;
}

/** docker's form, without sections that would be empty. */
function report({ containers, images, volumes, reclaimedBytes }: Pruned, dryRun: boolean): string {
  const verb = dryRun ? "Would delete" : "Deleted";
  const imageLines = images.flatMap(({ id, references }) => [
    ...references.map((name) => `untagged: ${name}`),
    `deleted: ${id}`,
  ]);
  const sections = [
    [`${verb} containers:`, ...containers],
    [`${verb} volumes:`, ...volumes],
    [`${verb} images:`, ...imageLines],
  ];
  const shown = sections.filter((lines) => lines.length > 1).map((lines) => `${lines.join("\n")}\n\n`);
  return `${shown.join("")}${dryRun ? "Reclaimable" : "Total reclaimed"} space: ${humanSize(reclaimedBytes)}`;
}
