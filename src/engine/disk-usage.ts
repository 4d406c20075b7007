/** What the disk is used for: `system df`. */
import { join } from "node:path";
import { containerPaths, dataPaths } from "../base/paths.ts";
import { treeSize } from "../image/layer-size.ts";
import { unfinishedPulls } from "../image/unfinished.ts";
import { layerUsage, sharedBytes } from "../image/unused.ts";
import { listDirectory } from "../sys/directory.ts";
import type { Context } from "./context.ts";
import { imageStore } from "./image.ts";
import type { DiskUsage, VolumeUsage } from "./image-options.ts";

/** Counts what there is. Layers are counted when they are unpacked; containers and volumes now, on the disk. */
export function diskUsage(context: Context): DiskUsage {
  const { database, roots } = context;
  const store = imageStore(context);
  const images = store.list();
  const { count, bytes } = unfinishedPulls(database, store);
  const containers = context.containers.list();
  const usedImages = new Set(containers.map(({ record }) => record.image?.id));
  const { totalBytes, reclaimableBytes } = layerUsage(database);
  const running = new Set(
    containers.filter(({ status }) => status === "running").map(({ record }) => record.id),
  );
  const containerBytes = new Map(
    containers.map(
      ({ record: { id } }) => [id, treeSize(containerPaths(roots, id).directory).sizeBytes] as const,
    ),
  );
  const volumeList = listVolumes(context);
  return {
    images: {
      total: images.length,
      active: images.filter(({ id }) => usedImages.has(id)).length,
      sizeBytes: totalBytes,
      reclaimableBytes,
    },
    sharedBytes: new Map(images.map(({ id }) => [id, sharedBytes(database, id)])),
    containers: {
      total: containers.length,
      active: running.size,
      sizeBytes: sum(containerBytes.values()),
      reclaimableBytes: sum([...containerBytes].flatMap(([id, bytes]) => (running.has(id) ? [] : [bytes]))),
    },
    containerBytes,
    unfinished: { total: count, active: 0, sizeBytes: bytes, reclaimableBytes: bytes },
    volumes: {
      total: volumeList.length,
      active: volumeList.filter(({ links }) => links > 0).length,
      sizeBytes: sum(volumeList.map(({ sizeBytes }) => sizeBytes)),
      reclaimableBytes: sum(volumeList.map(({ links, sizeBytes }) => (links > 0 ? 0 : sizeBytes))),
    },
    volumeList,
  };
}

function listVolumes({ roots, containers }: Context): VolumeUsage[] {
  const { volumes } = dataPaths(roots);
  const used = containers.list().flatMap(({ record }) => record.anonymousVolumes.map(({ name }) => name));
  return listDirectory(volumes).map((name) => ({
    name,
    links: used.filter((one) => one === name.replace(/\.new$/, "")).length,
    sizeBytes: treeSize(join(volumes, name)).sizeBytes,
  }));
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
