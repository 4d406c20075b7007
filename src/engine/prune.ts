/** Removing what nobody needs: ended containers, images without containers, volumes without either. */
import { join } from "node:path";
import { CurruntError } from "../base/error.ts";
import { containerPaths, dataPaths } from "../base/paths.ts";
import { treeSize } from "../image/layer-size.ts";
import { unfinishedPulls } from "../image/unfinished.ts";
import { removeUnused } from "../image/unused.ts";
import { listDirectory, removeTree } from "../sys/directory.ts";
import type { Container } from "./container.ts";
import type { Context } from "./context.ts";
import { removeContainer } from "./end.ts";
import { imageStore, listImages } from "./image.ts";
import { hasLabel } from "./image-filter.ts";
import type { ImageFilter, Pruned, PruneOptions } from "./image-options.ts";

const nothing: Pruned = { containers: [], images: [], volumes: [], reclaimedBytes: 0 };

/** Removes what `options` name, containers first: what they used is unused then. */
export async function prune(context: Context, options: PruneOptions): Promise<Pruned> {
  const { what, dryRun } = options;
  const containers = what.containers ? await pruneContainers(context, options) : nothing;
  const images =
    what.images === undefined ? nothing : await pruneImages(context, options, containers.containers);
  const volumes = what.volumes ? pruneVolumes(context, dryRun) : nothing;
  const store = imageStore(context);
  const { unfinished } = what;
  const unfinishedBytes = unfinished ? unfinishedPulls(context.database, store).bytes : 0;
  // What was removed by force goes with the last container, and what dead processes left goes too.
  if (!dryRun) store.collect({ unfinished });
  return {
    containers: containers.containers,
    images: images.images,
    volumes: volumes.volumes,
    reclaimedBytes:
      containers.reclaimedBytes + images.reclaimedBytes + volumes.reclaimedBytes + unfinishedBytes,
  };
}

async function pruneContainers(context: Context, { filters, dryRun }: PruneOptions): Promise<Pruned> {
  const removed: string[] = [];
  let reclaimedBytes = 0;
  for (const container of context.containers.list()) {
    if (container.status === "running" || !filters.every((filter) => passes(container, filter))) continue;
    const { id } = container.record;
    const { sizeBytes } = treeSize(containerPaths(context.roots, id).directory);
    if (!dryRun && !(await removeUnlessBusy(context, id))) continue;
    removed.push(id);
    reclaimedBytes += sizeBytes;
  }
  return { ...nothing, containers: removed, reclaimedBytes };
}

/** False: somebody is starting or removing it at this moment. */
async function removeUnlessBusy(context: Context, id: string): Promise<boolean> {
  try {
    await removeContainer(context, id, { force: false, volumes: false });
    return true;
  } catch (error) {
    if (error instanceof CurruntError && (error.kind === "conflict" || error.kind === "not-found"))
      return false;
    throw error;
  }
}

function passes({ record, createdAt }: Container, filter: ImageFilter): boolean {
  if (filter.kind === "label") return hasLabel(record.labels, filter) === filter.present;
  return filter.kind !== "before" || typeof filter.than !== "number" || createdAt < filter.than;
}

async function pruneImages(
  context: Context,
  { what, filters, dryRun }: PruneOptions,
  goneContainers: readonly string[],
): Promise<Pruned> {
  const images = await listImages(context, filters);
  const chosen = images.filter(({ references }) => what.images === "all" || references.length === 0);
  const ids = chosen.map(({ id }) => id);
  const { images: removed, reclaimedBytes } = removeUnused(context.database, ids, {
    trial: dryRun,
    without: dryRun ? goneContainers : [],
  });
  return { ...nothing, images: removed, reclaimedBytes };
}

/** Anonymous volumes of containers that were removed without them. */
function pruneVolumes({ roots, containers }: Context, dryRun: boolean): Pruned {
  const { volumes } = dataPaths(roots);
  // Before the containers: a directory is made after its container is in the index.
  const names = listDirectory(volumes);
  const used = new Set(
    containers.list().flatMap(({ record }) => record.anonymousVolumes.map(({ name }) => name)),
  );
  const unused = names.filter((name) => !used.has(name.replace(/\.new$/, "")));
  let reclaimedBytes = 0;
  for (const name of unused) {
    const path = join(volumes, name);
    reclaimedBytes += treeSize(path).sizeBytes;
    if (!dryRun) removeTree(undefined, path);
  }
  return { ...nothing, volumes: unused, reclaimedBytes };
}
