/** Images as the index has them. */
import type { Database } from "bun:sqlite";
import type { ImageConfig } from "./manifest.ts";
import type { Platform } from "./platform.ts";

/** An image that is complete on disk. */
export interface Image {
  /** Digest of the config: "sha256:…". */
  readonly id: string;
  /** Digest of the manifest that it was pulled by. */
  readonly manifestDigest: string;
  /** Whole references that name it, "docker.io/library/busybox:latest", sorted. None: it is dangling. */
  readonly references: readonly string[];
  /** What their registries call them, in the same order: an index's digest, or the manifest's. */
  readonly referenceDigests: readonly string[];
  /** Layers by ID (`StoredLayer`), bottom first. */
  readonly layers: readonly string[];
  readonly platform: Platform;
  readonly config: ImageConfig;
  /** Bytes of all layers, unpacked. */
  readonly sizeBytes: number;
  /** When it was built, milliseconds since 1970; when it was pulled if it does not say. */
  readonly createdAt: number;
  /** Milliseconds since 1970. */
  readonly pulledAt: number;
}

/** A row of the table. */
export interface ImageRow {
  id: string;
  manifest_digest: string;
  os: string;
  architecture: string;
  variant: string | null;
  config: string;
  size_bytes: number;
  created_at: number;
  pulled_at: number;
}

/** The image of this ID, one that goes with its last container too. */
export function readImage(database: Database, id: string): Image | undefined {
  const row = database.query<ImageRow, [string]>("SELECT * FROM images WHERE id = ?").get(id);
  return row === null ? undefined : imageOf(database, row);
}

/** An image with what other tables know of it. */
export function imageOf(database: Database, row: ImageRow): Image {
  const references = database
    .query<{ name: string; digest: string }, [string]>(
      "SELECT name, digest FROM image_references WHERE image_id = ? ORDER BY name",
    )
    .all(row.id);
  const layers = database
    .query<{ layer_id: string }, [string]>(
      "SELECT layer_id FROM image_layers WHERE image_id = ? ORDER BY position",
    )
    .all(row.id);
  return {
    id: row.id,
    manifestDigest: row.manifest_digest,
    references: references.map(({ name }) => name),
    referenceDigests: references.map(({ digest }) => digest),
    layers: layers.map(({ layer_id }) => layer_id),
    platform: {
      os: row.os,
      architecture: row.architecture,
      ...(row.variant === null ? {} : { variant: row.variant }),
    },
    // Checked by the schema when it was stored.
    config: JSON.parse(row.config) as ImageConfig,
    sizeBytes: row.size_bytes,
    createdAt: row.created_at,
    pulledAt: row.pulled_at,
  };
}
