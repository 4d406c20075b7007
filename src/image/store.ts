/** The image store: references, images and layers in the index, with protection of what is in use. */
import type { Database } from "bun:sqlite";
import { join } from "node:path";
import { CurruntError } from "../base/error.ts";
import type { DataPaths, Roots } from "../base/paths.ts";
import { dataPaths } from "../base/paths.ts";
import { isThere } from "../sys/stat.ts";
import { BlobStore } from "./blob.ts";
import { collectGarbage } from "./garbage.ts";
import type { Image, ImageRow } from "./image-row.ts";
import { imageOf, readImage } from "./image-row.ts";
import { resolveName } from "./lookup.ts";
import type { ImageConfig } from "./manifest.ts";
import type { Platform } from "./platform.ts";
import type { Reference } from "./reference.ts";
import { formatReference, parseReference } from "./reference.ts";
import type { RemovedImage } from "./remove.ts";
import { removeRows, untagRows } from "./remove.ts";

/** A layer whose directory is in its place. */
export interface StoredLayer {
  /** "sha256:…", the name of its directory: its diffID, or `completedLayerID`. */
  readonly id: string;
  readonly diffID: string;
  /** Digest of the compressed blob that it was unpacked from; undefined when it was here before. */
  readonly blobDigest: string | undefined;
  /** Bytes of file content. */
  readonly sizeBytes: number;
  readonly entries: number;
}

/** What a pull adds in one transaction. */
export interface NewImage {
  readonly id: string;
  readonly manifestDigest: string;
  /** Absent: it gets no name yet. */
  readonly reference?: Reference | undefined;
  /** What the registry calls the reference: an index's digest, or the manifest's. */
  readonly referenceDigest: string;
  readonly platform: Platform;
  readonly config: ImageConfig;
  /** Bottom first; one that occurs twice in the image is listed twice. */
  readonly layers: readonly StoredLayer[];
}

/** Images of one data root, over its index. */
export class ImageStore {
  readonly #database: Database;
  readonly paths: DataPaths;
  readonly blobs: BlobStore;

  constructor(database: Database, roots: Roots) {
    this.#database = database;
    this.paths = dataPaths(roots);
    this.blobs = new BlobStore(this.paths.blobs);
  }

  /** The image that a reference, an ID or the unique start of an ID names; undefined when there is none. */
  find(name: string): Image | undefined {
    const id = resolveName(this.#database, name)?.id;
    return id === undefined ? undefined : readImage(this.#database, id);
  }

  /** The image of that name with the references that the name stands for: none for an ID. Throws when there is none. */
  resolve(name: string): { readonly image: Image; readonly references: readonly string[] } {
    const found = resolveName(this.#database, name);
    const image = found && readImage(this.#database, found.id);
    if (found === undefined || image === undefined) throw missing(name);
    return { image, references: found.references };
  }

  /** The image that was pulled by a manifest of this digest. */
  findManifest(digest: string): Image | undefined {
    const row = this.#database
      .query<{ id: string }, [string]>("SELECT id FROM images WHERE manifest_digest = ?")
      .get(digest);
    return row === null ? undefined : readImage(this.#database, row.id);
  }

  /** What a compressed blob unpacks to, when it was unpacked before. */
  diffIDOf(blobDigest: string): string | undefined {
    return (
      this.#database
        .query<{ diff_id: string }, [string]>("SELECT diff_id FROM blob_diff_ids WHERE blob_digest = ?")
        .get(blobDigest)?.diff_id ?? undefined
    );
  }

  /** Whole references of all images that have a layer. */
  namesWithLayer(id: string): string[] {
    return this.#database
      .query<{ name: string }, [string]>(
        "SELECT DISTINCT name FROM image_references JOIN image_layers USING (image_id) WHERE layer_id = ? ORDER BY name",
      )
      .all(id)
      .map(({ name }) => name);
  }

  /** The compressed blobs that are known to unpack to `diffID`. */
  blobsOf(diffID: string): string[] {
    return this.#database
      .query<{ blob_digest: string }, [string]>(
        "SELECT blob_digest FROM blob_diff_ids WHERE diff_id = ? ORDER BY blob_digest",
      )
      .all(diffID)
      .map(({ blob_digest }) => blob_digest);
  }

  /** Keeps in mind that a layer was compressed to a blob of this digest. */
  rememberBlob(blobDigest: string, diffID: string): void {
    this.#database.query("INSERT OR REPLACE INTO blob_diff_ids VALUES (?, ?)").run(blobDigest, diffID);
  }

  /** As `find`, but a missing image is a "not-found" error. */
  get(name: string): Image {
    const image = this.find(name);
    if (image !== undefined) return image;
    throw missing(name);
  }

  /** All images, the last built first: docker's order. */
  list(): Image[] {
    return this.#database
      .query<ImageRow, []>(
        "SELECT * FROM images WHERE doomed = 0 ORDER BY created_at DESC, pulled_at DESC, id",
      )
      .all()
      .map((row) => imageOf(this.#database, row));
  }

  /** Gives an image more references, all or none; a reference that named another image moves. */
  tag(name: string, ...references: string[]): Image {
    const targets = references.map(parseTarget);
    return this.#database
      .transaction(() => {
        const { id, manifestDigest } = this.get(name);
        for (const target of targets) this.#name(target, manifestDigest, id);
        return this.get(id);
      })
      .immediate();
  }

  /** Takes names away, all when none are given; the image stays, as one without a name. Throws for a name of another image. */
  untag(image: string, names: readonly string[]): readonly string[] {
    return this.#database
      .transaction(() => {
        const { id, references } = this.get(image);
        const gone = names.length === 0 ? references : names.map((name) => this.#nameOf(id, name));
        untagRows(this.#database, gone);
        return gone;
      })
      .immediate();
  }

  /** The layer's directory, whether it exists or not. */
  layerPath(id: string): string {
    return join(this.paths.layers, id.slice(id.indexOf(":") + 1));
  }

  /** Where its tar-split is: what it takes, beside its files, to make its archive again. */
  splitPath(id: string): string {
    return join(this.paths.splits, id.slice(id.indexOf(":") + 1));
  }

  /** True when the layer is in its place. A directory under `layers/` is complete: it came there by one rename. */
  hasLayer(id: string): boolean {
    return isThere(undefined, this.layerPath(id));
  }

  /** The directories of an image's layers, top first, as an overlay takes them. */
  layerPaths(image: Image): string[] {
    return image.layers.map((id) => this.layerPath(id)).reverse();
  }

  /** What the index knows about a layer; undefined when it does not know it. */
  layer(id: string): { sizeBytes: number; entries: number } | undefined {
    const row = this.#database
      .query<{ size_bytes: number; entries: number }, [string]>(
        "SELECT size_bytes, entries FROM layers WHERE id = ?",
      )
      .get(id);
    return row === null ? undefined : { sizeBytes: row.size_bytes, entries: row.entries };
  }

  /**
   * Removes a reference, and the image with its last one. By ID all references go; when there are several, or when
   * containers use the image, only with `force`: the image then stays on disk until the last container is removed.
   */
  async remove(name: string, { force = false }: { force?: boolean } = {}): Promise<RemovedImage> {
    const removed = this.#database.transaction(() => this.#removeRows(name, force)).immediate();
    if (removed.deleted !== undefined) this.collect();
    return removed;
  }

  /**
   * Removes what no image needs and what dead processes left: layers, blobs, staging directories. Does nothing while a
   * pull runs: the next one to call it will. `unfinished`: also what pulls that were cut short have left for the next one.
   */
  collect({ unfinished = false }: { readonly unfinished?: boolean } = {}): void {
    collectGarbage(
      this.#database,
      this.paths,
      this.blobs,
      unfinished ? Number.POSITIVE_INFINITY : Date.now(),
    );
  }

  /** Records an image whose layers and blobs are in place and on the disk. */
  commit(image: NewImage): Image {
    return this.#database.transaction(() => this.#insert(image)).immediate();
  }

  /** Gives an image that is here already the name that it was pulled by; undefined: it has gone meanwhile. */
  rename(id: string, reference: Reference, referenceDigest: string): Image | undefined {
    return this.#database
      .transaction(() => {
        if (readImage(this.#database, id) === undefined) return undefined;
        this.#name(reference, referenceDigest, id);
        return this.get(id);
      })
      .immediate();
  }

  #insert({ id, manifestDigest, reference, referenceDigest, platform, config, layers }: NewImage): Image {
    const now = Date.now();
    const insertLayer = this.#database.query("INSERT OR IGNORE INTO layers VALUES (?, ?, ?, ?, ?)");
    const insertBlob = this.#database.query("INSERT OR REPLACE INTO blob_diff_ids VALUES (?, ?)");
    for (const layer of layers) {
      insertLayer.run(layer.id, layer.diffID, layer.sizeBytes, layer.entries, now);
      if (layer.blobDigest !== undefined) insertBlob.run(layer.blobDigest, layer.diffID);
    }
    const built = Date.parse(config.created ?? "");
    const sizeBytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
    this.#database
      .query(`INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
        ON CONFLICT (id) DO UPDATE SET manifest_digest = excluded.manifest_digest, pulled_at = excluded.pulled_at, doomed = 0`)
      .run(
        id,
        manifestDigest,
        platform.os,
        platform.architecture,
        platform.variant ?? null,
        JSON.stringify(config),
        sizeBytes,
        Number.isNaN(built) ? now : built,
        now,
      );
    const insertImageLayer = this.#database.query("INSERT OR IGNORE INTO image_layers VALUES (?, ?, ?)");
    for (const [position, layer] of layers.entries()) insertImageLayer.run(id, position, layer.id);
    if (reference !== undefined) this.#name(reference, referenceDigest, id);
    return this.get(id);
  }

  /** The image is wanted again, should it have been removed by force. */
  #name(reference: Reference, digest: string, id: string): void {
    this.#database
      .query("INSERT OR REPLACE INTO image_references VALUES (?, ?, ?)")
      .run(formatReference(reference), digest, id);
    this.#database.query("UPDATE images SET doomed = 0 WHERE id = ?").run(id);
  }

  #nameOf(id: string, name: string): string {
    const found = resolveName(this.#database, name);
    const [reference] = found?.references ?? [];
    if (found?.id === id && reference !== undefined) return reference;
    throw new CurruntError("not-found", `untag ${JSON.stringify(name)}: the image has no such name`);
  }

  #removeRows(name: string, force: boolean): RemovedImage {
    const { image, references } = this.resolve(name);
    return removeRows(this.#database, image, { name, references, force });
  }
}

function missing(name: string): CurruntError {
  return new CurruntError("not-found", `find image ${JSON.stringify(name)}: there is none here`, {
    hint: `"currunt images" lists what is here; "currunt pull ${name}" gets it`,
  });
}

/** A name that an image can be given. */
export function parseTarget(text: string): Reference {
  const target = parseReference(text);
  if (target.digest === undefined) return target;
  throw new CurruntError("invalid", `name an image ${JSON.stringify(text)}: a digest cannot be given away`, {
    hint: "write NAME:TAG",
  });
}
