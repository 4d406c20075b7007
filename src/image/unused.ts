/** What of the store nothing needs: images without containers, the bytes of layers that only they have. */
import type { Database } from "bun:sqlite";

/** What a removal took or, as a trial, would take. */
export interface RemovedImages {
  readonly images: readonly { readonly id: string; readonly references: readonly string[] }[];
  /** Unpacked bytes of the layers that no other image has. */
  readonly reclaimedBytes: number;
}

/** Ends a transaction that was only a trial. */
class Trial {
  readonly removed: RemovedImages;

  constructor(removed: RemovedImages) {
    this.removed = removed;
  }
}

/**
 * Takes the images `ids` out of the index with all their names, but those that a container uses by now. Their files are the next
 * collection's. `trial`: everything stays, and what is told is as if the containers `without` were gone.
 */
export function removeUnused(
  database: Database,
  ids: readonly string[],
  { trial, without = [] }: { readonly trial: boolean; readonly without?: readonly string[] },
): RemovedImages {
  const remove = database.transaction(() => {
    for (const container of without) database.query("DELETE FROM containers WHERE id = ?").run(container);
    const before = orphanedBytes(database);
    const images = ids.filter((id) => !isUsed(database, id)).map((id) => removeOne(database, id));
    const removed = { images, reclaimedBytes: orphanedBytes(database) - before };
    if (trial) throw new Trial(removed);
    return removed;
  });
  try {
    return remove.immediate();
  } catch (error) {
    if (error instanceof Trial) return error.removed;
    throw error;
  }
}

function isUsed(database: Database, id: string): boolean {
  const statement = database.query<{ id: string }, [string]>(
    "SELECT id FROM containers WHERE image_id = ? LIMIT 1",
  );
  return statement.get(id) !== null;
}

function removeOne(database: Database, id: string): { id: string; references: string[] } {
  const references = database
    .query<{ name: string }, [string]>("SELECT name FROM image_references WHERE image_id = ? ORDER BY name")
    .all(id)
    .map(({ name }) => name);
  database.query("DELETE FROM images WHERE id = ?").run(id);
  return { id, references };
}

function orphanedBytes(database: Database): number {
  return bytesOf(database, "WHERE id NOT IN (SELECT layer_id FROM image_layers)");
}

/** Unpacked bytes of all layers, and of those that no image has which a container uses. */
export function layerUsage(database: Database): { totalBytes: number; reclaimableBytes: number } {
  const used = "SELECT layer_id FROM image_layers WHERE image_id IN (SELECT image_id FROM containers)";
  return {
    totalBytes: bytesOf(database, ""),
    reclaimableBytes: bytesOf(database, `WHERE id NOT IN (${used})`),
  };
}

/** Of an image's bytes those in layers that other images have as well. */
export function sharedBytes(database: Database, id: string): number {
  const own = "SELECT layer_id FROM image_layers WHERE image_id = ?1";
  const others = "SELECT layer_id FROM image_layers WHERE image_id <> ?1";
  const row = database
    .query<{ bytes: number }, [string]>(
      `SELECT coalesce(sum(size_bytes), 0) AS bytes FROM layers WHERE id IN (${own}) AND id IN (${others})`,
    )
    .get(id);
  return row?.bytes ?? 0;
}

function bytesOf(database: Database, where: string): number {
  const statement = `SELECT coalesce(sum(size_bytes), 0) AS bytes FROM layers ${where}`;
  return database.query<{ bytes: number }, []>(statement).get()?.bytes ?? 0;
}
