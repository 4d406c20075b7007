/** Layers that are complete while their image is not: kept when a pull is cut short, for the next one to find. */
import { join } from "node:path";
import { listDirectory, makeDirectories } from "../sys/directory.ts";
import { failedWith } from "../sys/error.ts";
import { removeFile } from "../sys/file.ts";
import { readSmallFile, tryReadSmallFile, writeSmallFile } from "../sys/small-file.ts";
import { lookup } from "../sys/stat.ts";

const PREFIX = "layer-";
/** Nobody comes back for what has lain longer. */
export const KEPT_MS = 3 * 24 * 60 * 60 * 1000;
/** A layer that is on the disk. */
const DURABLE = "durable";

/**
 * Notes that the layer `id` is complete, or about to be. The note counts until the machine stops: after a power cut the
 * layer's files may be empty, unless `confirmLayer` said that they are on the disk.
 */
export function noteLayer(ingest: string, id: string): void {
  try {
    writeSmallFile(notePath(ingest, id), bootID(), 0o600);
  } catch (error) {
    if (!failedWith(error, "ENOENT")) throw error;
    // A data root from before there were any.
    makeDirectories(ingest, 0o700);
    writeSmallFile(notePath(ingest, id), bootID(), 0o600);
  }
}

/** Says that the layer is on the disk. */
export function confirmLayer(ingest: string, id: string): void {
  writeSmallFile(notePath(ingest, id), DURABLE, 0o600);
}

/** Forgets the note: an image has the layer, or nobody wants it. */
export function forgetLayer(ingest: string, id: string): void {
  removeFile(notePath(ingest, id));
}

/** Directory names of the noted layers that are worth keeping; the other notes are removed. */
export function keptLayers(ingest: string, indexed: ReadonlySet<string>, nowMs = Date.now()): Set<string> {
  const kept = new Set<string>();
  for (const name of listDirectory(ingest)) {
    if (!name.startsWith(PREFIX)) continue;
    const path = join(ingest, name);
    const layer = name.slice(PREFIX.length);
    const status = lookup(undefined, path);
    const fresh = status !== undefined && nowMs - status.modified.seconds * 1000 < KEPT_MS;
    const word = tryReadSmallFile(path);
    if (fresh && !indexed.has(layer) && (word === DURABLE || word === bootID())) kept.add(layer);
    else removeFile(path);
  }
  return kept;
}

function notePath(ingest: string, id: string): string {
  return join(ingest, PREFIX + id.slice(id.indexOf(":") + 1));
}

/** Differs after each boot (`man 5 proc_sys_kernel`). */
function bootID(): string {
  return readSmallFile("/proc/sys/kernel/random/boot_id").trim();
}
