/** What pulls that were cut short have left for the next one to go on from. */
import type { Database } from "bun:sqlite";
import { join } from "node:path";
import { listDirectory } from "../sys/directory.ts";
import { isThere, lookup } from "../sys/stat.ts";
import { isDigest } from "./digest.ts";
import { keptLayers } from "./kept-layer.ts";
import { layerSize } from "./layer-size.ts";
import type { ImageStore } from "./store.ts";

/** Starts of blobs, and complete layers of images that are not: how many, and their bytes. */
export function unfinishedPulls(
  database: Database,
  { paths }: ImageStore,
): { readonly count: number; readonly bytes: number } {
  if (!isThere(undefined, paths.ingest)) return { count: 0, bytes: 0 };
  const rows = database.query<{ id: string }, []>("SELECT id FROM layers").all();
  const layers = [...keptLayers(paths.ingest, new Set(rows.map(({ id }) => id.slice(id.indexOf(":") + 1))))]
    .map((name) => join(paths.layers, name))
    .filter((path) => isThere(undefined, path));
  const starts = listDirectory(paths.ingest).filter((name) => isDigest(name.replace("-", ":")));
  const sizes = [
    ...layers.map((path) => layerSize(path).sizeBytes),
    ...starts.map((name) => lookup(undefined, join(paths.ingest, name))?.sizeBytes ?? 0),
  ];
  return { count: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}
