/** The index: one SQLite database of images, layers and containers; the whole schema is here. */
import type { Database } from "bun:sqlite";
import { CurruntError, wrap } from "./error.ts";

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
 * Opens the index at `path`, which is made when it is missing. Commits are durable when they return; a caller whose
 * data need not survive a power cut says so with `relaxDurability`. Nobody need close it: a process may just end.
 */
export async function openDatabase(path: string): Promise<Database> {
  // Loaded here because commands that need no index should not pay for SQLite.
  const { Database: Sqlite } = await import("bun:sqlite");
  using undo = new DisposableStack();
  try {
    const database = new Sqlite(path, { create: true, strict: true });
    undo.defer(() => database.close());
    database.run(`PRAGMA busy_timeout = ${busyTimeoutMs}; PRAGMA wal_autocheckpoint = ${checkpointPages}`);
    if (versionOf(database) !== schemaVersion) createSchema(database, path);
    database.run("PRAGMA foreign_keys = ON");
    undo.move();
    return database;
  } catch (error) {
    throw wrap(withRemedy(error), `open the index ${JSON.stringify(path)}`);
  }
}

/** SQLite's own words name no remedy. */
function withRemedy(error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const hint =
    code === "SQLITE_FULL"
      ? "the disk is full: free some space, or move the data root to a bigger disk"
      : code === "SQLITE_NOTADB" || code === "SQLITE_CORRUPT"
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
  return error instanceof Error && "code" in error && error.code === "SQLITE_FULL";
}

function versionOf(database: Database): number {
  return database.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
}

function createSchema(database: Database, path: string): void {
  database.run("PRAGMA journal_mode = WAL");
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
