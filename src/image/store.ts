/** The image store: references, images and layers in the index, with removal, protection of what is in use, and garbage collection. */
import type { Database } from "bun:sqlite";
import { join } from "node:path";
import { CurruntError } from "../base/error.ts";
import type { DataPaths, Roots } from "../base/paths.ts";
import { dataPaths } from "../base/paths.ts";
import type { ImageConfig } from "./manifest.ts";
import type { Platform } from "./platform.ts";
import { formatReference, parseReference } from "./reference.ts";

/** An image that is complete on disk. */
export interface Image {
  /** Digest of the config: "sha256:…". */
  readonly id: string;
  /** Digest of the manifest that it was pulled by. */
  readonly manifestDigest: string;
  /** Whole references that name it, "docker.io/library/busybox:latest", sorted. None: it is dangling. */
  readonly references: readonly string[];
  /** Layers by diffID, bottom first. */
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

/** What `remove` did. */
export interface RemovedImage {
  /** References that are gone. */
  readonly untagged: readonly string[];
  /** The image's ID, when the image itself is gone too. */
  readonly deleted: string | undefined;
}

interface ImageRow {
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

/** Images of one data root, over its index. */
export class ImageStore {
  readonly #database: Database;
  readonly paths: DataPaths;

  constructor(database: Database, roots: Roots) {
    this.#database = database;
    this.paths = dataPaths(roots);
  }

  /** The image that a reference, an ID or the unique start of an ID names; undefined when there is none. */
  find(name: string): Image | undefined {
    const id = this.#resolve(name);
    return id === undefined ? undefined : this.#read(id);
  }

  /** As `find`, but a missing image is a "not-found" error. */
  get(name: string): Image {
    const image = this.find(name);
    if (image !== undefined) return image;
    throw new CurruntError("not-found", `find image ${JSON.stringify(name)}: there is none here`, {
      hint: `"currunt images" lists what is here; "currunt pull ${name}" gets it`,
    });
  }

  /** All images, the last pulled first. */
  list(): Image[] {
    return this.#database
      .query<ImageRow, []>("SELECT * FROM images WHERE doomed = 0 ORDER BY pulled_at DESC, id")
      .all()
      .map((row) => this.#complete(row));
  }

  /** Gives an image another reference; a reference that named another image moves. */
  tag(name: string, reference: string): Image {
    const { id } = this.get(name);
    const target = parseReference(reference);
    if (target.digest !== undefined) {
      throw new CurruntError(
        "invalid",
        `tag ${JSON.stringify(reference)}: a digest cannot be given to an image`,
        {
          hint: "write NAME:TAG",
        },
      );
    }
    throw new Error(`not yet: ${id}`);
  }

  /** The layer's directory, whether it exists or not. */
  layerPath(diffID: string): string {
    return join(this.paths.layers, diffID.slice(diffID.indexOf(":") + 1));
  }

  /** The directories of an image's layers, top first, as an overlay takes them. */
  layerPaths(image: Image): string[] {
    return image.layers.map((diffID) => this.layerPath(diffID)).reverse();
  }

  /**
   * Removes a reference, and the image with its last one. By ID all references go; when there are several, or when
   * containers use the image, only with `force`: the image then stays on disk until the last container is removed.
   */
  remove(name: string, { force = false }: { force?: boolean } = {}): Promise<RemovedImage> {
    throw new Error(`not yet: ${name} ${force}`);
  }

  #resolve(name: string): string | undefined {
    const byReference = this.#database.query<{ image_id: string }, [string]>(
      "SELECT image_id FROM image_references WHERE name = ?",
    );
    return byReference.get(formatReference(parseReference(name)))?.image_id;
  }

  #read(id: string): Image | undefined {
    const row = this.#database.query<ImageRow, [string]>("SELECT * FROM images WHERE id = ?").get(id);
    return row === null ? undefined : this.#complete(row);
  }

  #complete(row: ImageRow): Image {
    const references = this.#database
      .query<{ name: string }, [string]>("SELECT name FROM image_references WHERE image_id = ? ORDER BY name")
      .all(row.id);
    const layers = this.#database
      .query<{ diff_id: string }, [string]>(
        "SELECT diff_id FROM image_layers WHERE image_id = ? ORDER BY position",
      )
      .all(row.id);
    return {
      id: row.id,
      manifestDigest: row.manifest_digest,
      references: references.map(({ name }) => name),
      layers: layers.map(({ diff_id }) => diff_id),
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
}
