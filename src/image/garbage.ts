/** Garbage collection: layers and blobs that no image needs, and what dead processes left. */
import type { Database } from "bun:sqlite";
import { join } from "node:path";
import type { DataPaths } from "../base/paths.ts";
import { listDirectory, makeDirectories } from "../sys/directory.ts";
import type { Fd } from "../sys/fd.ts";
import { renameat, unlinkat } from "../sys/file.ts";
import { claimDirectory, shareDirectory } from "../sys/lease.ts";
import { isThere } from "../sys/stat.ts";
import type { BlobStore } from "./blob.ts";
import { isDigest } from "./digest.ts";
import { keptLayers } from "./kept-layer.ts";
import { sweepPartials } from "./partial.ts";
import { makeStaging, sweepStaging } from "./staging.ts";

/** Keeps layers and blobs that have no image yet from being collected, until it is closed. Every pull holds one. */
export function leaseLayers(paths: DataPaths): Fd {
  return shareDirectory(paths.layers);
}

/**
 * Removes doomed images without containers, layers without images, blobs without either, abandoned staging
 * directories and partial downloads. While a pull holds its lease, only the last two: what the pull counts on must not go. `nowMs`: by
 * which what pulls have left for the next one is too old; Infinity: all of it is.
 */
export function collectGarbage(
  database: Database,
  paths: DataPaths,
  blobs: BlobStore,
  nowMs = Date.now(),
): void {
  // Data roots that an earlier version made lack it.
  makeDirectories(paths.splits, 0o700);
  sweepStaging(paths.staging);
  const hasIngest = isThere(undefined, paths.ingest);
  if (hasIngest) sweepPartials(paths.ingest, nowMs);
  using trash = makeStaging(paths.staging);
  using lease = claimDirectory(paths.layers);
  if (lease === undefined) return;
  const kept = database.transaction(() => deleteRows(database)).immediate();
  const waiting = hasIngest ? keptLayers(paths.ingest, kept.layers, nowMs) : new Set();
  // Renamed first, removed after: nobody ever sees half a layer under its name, whenever this ends.
  for (const name of listDirectory(paths.layers)) {
    if (!kept.layers.has(name) && !waiting.has(name))
      renameat(undefined, join(paths.layers, name), undefined, join(trash.path, name));
  }
  for (const name of listDirectory(paths.splits)) {
    if (!kept.layers.has(name) && !waiting.has(name)) unlinkat(undefined, join(paths.splits, name));
  }
  if (blobs.list().some((digest) => !kept.blobs.has(digest))) blobs.collect(reachable(kept.blobs, blobs));
}

/** The blobs that the index names, and what they list. */
export function wantedBlobs(database: Database, blobs: BlobStore): Set<string> {
  return reachable(namedBlobs(database), blobs);
}

function namedBlobs(database: Database): Set<string> {
  const rows = database
    .query<{ digest: string }, []>(
      `SELECT id AS digest FROM images UNION SELECT manifest_digest FROM images
       UNION SELECT digest FROM image_references`,
    )
    .all();
  return new Set(rows.map(({ digest }) => digest));
}

/** `roots`, and what the indexes among them list: nested ones are in no table. */
function reachable(roots: ReadonlySet<string>, blobs: BlobStore): Set<string> {
  const found = new Set<string>();
  const pending = [...roots];
  for (let digest = pending.pop(); digest !== undefined; digest = pending.pop()) {
    if (found.has(digest)) continue;
    found.add(digest);
    pending.push(...entriesOf(blobs.read(digest)));
  }
  return found;
}

/** Digests that a document lists when it is an index. */
function entriesOf(bytes: Uint8Array | undefined): string[] {
  const text = Buffer.from(bytes ?? []).toString("utf8");
  if (!text.includes('"manifests"')) return [];
  return [...text.matchAll(/"(sha(?:256|512):[a-f0-9]+)"/g)].flatMap(([, digest = ""]) =>
    isDigest(digest) ? [digest] : [],
  );
}

/** Deletes what nothing points at; returns the directories and blobs that stay. */
function deleteRows(database: Database): { layers: Set<string>; blobs: Set<string> } {
  database.run(
    `DELETE FROM images WHERE doomed = 1 AND id NOT IN (SELECT image_id FROM containers WHERE image_id IS NOT NULL)`,
  );
  database.run("DELETE FROM layers WHERE id NOT IN (SELECT layer_id FROM image_layers)");
  database.run("DELETE FROM blob_diff_ids WHERE diff_id NOT IN (SELECT diff_id FROM layers)");
  const layers = database.query<{ id: string }, []>("SELECT id FROM layers").all();
  return {
    layers: new Set(layers.map(({ id }) => id.slice(id.indexOf(":") + 1))),
    blobs: namedBlobs(database),
  };
}
