/** The index: one SQLite database of images, layers and containers; the whole schema is here. */
import type { Database } from "bun:sqlite";
import { dirname } from "node:path";
import { CurruntError, wrap } from "../base/error.ts";
import { placeNewFile } from "../sys/new-file.ts";
import { isThere } from "../sys/stat.ts";

/**
 * Version 1. Digests are texts, `sha256:<hex>` or `sha512:<hex>`, times are milliseconds since 1970, JSON is text.
 * - `images.id` is the config's digest; `config` the config itself, so that a start reads no blob.
 *   `doomed`: removed by force while containers used it; it goes with the last of them.
 * - `image_references.digest` is what the registry calls the name: an index's digest, or the manifest's.
 * - `layers` has a row for each complete directory under `layers/`, whose name is in its `id`; `diff_id` is the digest of the
 *   archive. `blob_diff_ids` tells what a compressed blob unpacks to: of blobs that were unpacked here, not by an image's word.
 * - `containers.record` is the engine's JSON; the other columns are what queries ask for.
 */
const schema = `
CREATE TABLE images (
  id TEXT PRIMARY KEY,
  manifest_digest TEXT NOT NULL,
  os TEXT NOT NULL,
  architecture TEXT NOT NULL,
  variant TEXT,
  config TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  pulled_at INTEGER NOT NULL,
  doomed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE image_references (
  name TEXT PRIMARY KEY,
  digest TEXT NOT NULL,
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE
) STRICT;
CREATE INDEX image_references_image ON image_references(image_id);
CREATE TABLE layers (
  id TEXT PRIMARY KEY,
  diff_id TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE image_layers (
  image_id TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  layer_id TEXT NOT NULL REFERENCES layers(id),
  PRIMARY KEY (image_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX image_layers_layer ON image_layers(layer_id);
CREATE TABLE blob_diff_ids (
  blob_digest TEXT PRIMARY KEY,
  diff_id TEXT NOT NULL
) STRICT;
CREATE TABLE containers (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  image_id TEXT REFERENCES images(id),
  created_at INTEGER NOT NULL,
  status TEXT NOT NULL,
  started_at INTEGER,
  exited_at INTEGER,
  exit_code INTEGER,
  record TEXT NOT NULL
) STRICT;
CREATE INDEX containers_image ON containers(image_id);
PRAGMA user_version = 1;
`;
const schemaVersion = 1;

/**
 * How long the write-ahead log grows, in pages, before a commit writes it back and waits for the disk. Whoever opens
 * the index first reads all of it, so it is kept shorter than SQLite's 1000.
 */
const checkpointPages = 250;

/** How long a statement waits for another process's write, in milliseconds: writes take microseconds, so this means trouble. */
const busyTimeoutMs = 15_000;

/**
 * Opens the index at `path`, which is made when it is missing, whole or not at all. Commits are durable when they return; a
 * caller whose data need not survive a power cut says so with `relaxDurability`. Nobody need close it: a process may just end.
 */
export async function openDatabase(path: string): Promise<Database> {
  // Loaded here because commands that need no index should not pay for SQLite.
  const { Database: Sqlite } = await import("bun:sqlite");
  using undo = new DisposableStack();
  try {
    const database = openThere(Sqlite, path) ?? makeIndex(Sqlite, path);
    undo.defer(() => database.close());
    database.run(`PRAGMA busy_timeout = ${busyTimeoutMs}; PRAGMA wal_autocheckpoint = ${checkpointPages}`);
    if (versionOf(database) !== schemaVersion) await createSchema(database, path);
    database.run("PRAGMA foreign_keys = ON");
    undo.move();
    return database;
  } catch (error) {
    throw wrap(withRemedy(error), `open the index ${JSON.stringify(path)}`);
  }
}

/** The index, if there is one. */
function openThere(Sqlite: typeof Database, path: string): Database | undefined {
  try {
    return new Sqlite(path, { readwrite: true, strict: true });
  } catch (error) {
    if (hasCode(error, "SQLITE_CANTOPEN")) return undefined;
    throw error;
  }
}

/**
 * SQLite itself would wait for the disk five times, for tables without a row. Empty after a power cut it is as good as new: the
 * first row is an image's, and what writes that has waited for the whole file system (src/image/blob.ts).
 */
function makeIndex(Sqlite: typeof Database, path: string): Database {
  // What an index left that is gone: SQLite knows what to do with it when it begins with an empty file.
  if (!isThere(undefined, `${path}-wal`) && isThere(undefined, dirname(path))) {
    using empty = new Sqlite(":memory:");
    empty.run(schema);
    const bytes = empty.serialize();
    // That it has a write-ahead log (https://www.sqlite.org/fileformat2.html, "File format version numbers").
    bytes.fill(2, 18, 20);
    placeNewFile(path, bytes, 0o644);
  }
  return new Sqlite(path, { create: true, strict: true });
}

/** SQLite's own words name no remedy. */
function withRemedy(error: unknown): unknown {
  const hint = hasCode(error, "SQLITE_FULL")
    ? "the disk is full: free some space, or move the data root to a bigger disk"
    : hasCode(error, "SQLITE_NOTADB", "SQLITE_CORRUPT")
      ? "it is damaged: move it away; images are pulled anew, containers are lost"
      : undefined;
  if (hint === undefined || !(error instanceof Error)) return error;
  return new CurruntError("internal", error.message, { hint });
}

/** From here on commits of this connection survive a crash of the process, but not a power cut: they cost no fsync. */
export function relaxDurability(database: Database): void {
  database.run("PRAGMA synchronous = NORMAL");
}

/** Whether a statement failed because the disk has no room for it. */
export function isDiskFull(error: unknown): boolean {
  return hasCode(error, "SQLITE_FULL");
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

function versionOf(database: Database): number {
  return database.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
}

/** Of those who ask at once, SQLite refuses some without waiting, as they might wait for each other. */
async function keepLog(database: Database): Promise<void> {
  const deadline = performance.now() + busyTimeoutMs;
  for (;;) {
    try {
      database.run("PRAGMA journal_mode = WAL");
      return;
    } catch (error) {
      if (!hasCode(error, "SQLITE_BUSY") || performance.now() > deadline) throw error;
      await Bun.sleep(1 + Math.random() * 10);
    }
  }
}

async function createSchema(database: Database, path: string): Promise<void> {
  await keepLog(database);
  database
    .transaction(() => {
      // Another process may have made it between the first look and this transaction.
      const version = versionOf(database);
      if (version === schemaVersion) return;
      if (version !== 0) {
        throw new CurruntError(
          "unsupported",
          `the index has schema version ${version}, this program knows ${schemaVersion}`,
          {
            hint: `use the version of currunt that made ${path}, or another -data-root`,
          },
        );
      }
      database.run(schema);
    })
    .immediate();
}
