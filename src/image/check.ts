/** Looks for damage in the store: index, blobs, layers, and what belongs to nothing; repairs by removing it. */
import type { Database } from "bun:sqlite";
import { join } from "node:path";
import { CurruntError } from "../base/error.ts";
import { listDirectory, removeTree } from "../sys/directory.ts";
import { renameat } from "../sys/file.ts";
import { claimDirectory, shareDirectory } from "../sys/lease.ts";
import { isThere } from "../sys/stat.ts";
import type { CheckedLayer } from "./check-layer.ts";
import { checkLayer } from "./check-layer.ts";
import { wantedBlobs } from "./garbage.ts";
import { keptLayers } from "./kept-layer.ts";
import { makeStaging } from "./staging.ts";
import type { ImageStore } from "./store.ts";

/** Something that is not as it should be. */
export interface Damage {
  readonly subject: string;
  readonly problem: string;
  /** What was done about it; undefined: nothing. */
  readonly repair: string | undefined;
}

export interface CheckImagesOptions {
  readonly repair: boolean;
  readonly onProgress: (text: string) => void;
  /** Layers by ID that containers have mounted now: containers start while a long check goes on. */
  readonly busyLayers: () => ReadonlySet<string>;
}

/**
 * Checks all that the index names, and what it does not name. Pulls and removals wait or give way meanwhile. A repair removes
 * images with what is damaged of them, so that the next pull brings it; throws "unavailable" while a pull runs.
 */
export async function checkImages(
  database: Database,
  store: ImageStore,
  { repair, onProgress, busyLayers }: CheckImagesOptions,
): Promise<Damage[]> {
  using claim = claimDirectory(store.paths.layers);
  if (claim === undefined && repair) {
    throw new CurruntError("unavailable", "repair the store: a pull is at work in it", {
      hint: "try again when it has ended",
    });
  }
  // While a pull runs, what it has in place already belongs to nothing yet.
  using _lease = claim === undefined ? shareDirectory(store.paths.layers) : undefined;
  const check = new StoreCheck(database, store, repair, busyLayers);
  check.index();
  check.blobs();
  await check.layers(onProgress);
  if (claim !== undefined) check.strays();
  return check.found;
}

class StoreCheck {
  readonly found: Damage[] = [];
  readonly #database: Database;
  readonly #store: ImageStore;
  readonly #repair: boolean;
  readonly #busy: () => ReadonlySet<string>;

  constructor(database: Database, store: ImageStore, repair: boolean, busy: () => ReadonlySet<string>) {
    this.#database = database;
    this.#store = store;
    this.#repair = repair;
    this.#busy = busy;
  }

  /** SQLite's own checks. */
  index(): void {
    const answers = this.#database.query<Record<string, unknown>, []>("PRAGMA integrity_check").all();
    const strays = this.#database.query<Record<string, unknown>, []>("PRAGMA foreign_key_check").all();
    const problems = answers.map((row) => String(Object.values(row)[0])).filter((text) => text !== "ok");
    for (const problem of problems) this.#tell("index", problem, undefined);
    for (const row of strays)
      this.#tell("index", `a row of ${String(row["table"])} points nowhere`, undefined);
  }

  /** Configs, manifests and indexes. An image cannot do without its config, but without the others. */
  blobs(): void {
    const { blobs } = this.#store;
    for (const { id } of this.#images()) {
      if (blobs.read(id) !== undefined) continue;
      const repair = () => {
        removeTree(undefined, blobs.path(id));
        return this.#removeImage(id);
      };
      this.#found(`image ${id}`, `its config is ${blobs.has(id) ? "damaged" : "missing"}`, repair);
    }
    const configs = new Set(this.#images().map(({ id }) => id));
    for (const digest of blobs.list()) {
      if (configs.has(digest) || blobs.read(digest) !== undefined) continue;
      this.#found(`blob ${digest}`, "it is damaged", () => {
        removeTree(undefined, blobs.path(digest));
        return "removed: the next pull of its image brings it";
      });
    }
  }

  async layers(onProgress: (text: string) => void): Promise<void> {
    const layers = this.#layers();
    using staging = makeStaging(this.#store.paths.staging);
    for (const [index, layer] of layers.entries()) {
      onProgress(`layer ${index + 1} of ${layers.length}: ${layer.diffID.slice(7, 19)}`);
      const problem = await checkLayer(this.#store, layer, join(staging.path, `layer-${index}`));
      if (problem === undefined) continue;
      this.#found(`layer ${layer.id}`, problem, () => this.#removeLayer(layer.id, staging.path));
    }
  }

  /** What the index does not name. */
  strays(): void {
    const { paths, blobs } = this.#store;
    const indexed = new Set(this.#layers().map(({ id }) => id.slice(id.indexOf(":") + 1)));
    // Layers of a pull that was cut short wait for the next.
    const waiting = isThere(undefined, paths.ingest) ? keptLayers(paths.ingest, indexed) : [];
    const known = new Set([...indexed, ...waiting]);
    const kinds = { layer: paths.layers, "tar-split": paths.splits, "unfinished work": paths.staging };
    const strays = Object.entries(kinds).flatMap(([kind, path]) =>
      listDirectory(path)
        .filter((name) => !known.has(name))
        .map((name) => `${kind} ${name}`),
    );
    const wanted = wantedBlobs(this.#database, blobs);
    const foreign = blobs.list().filter((digest) => !wanted.has(digest));
    const all = [...strays, ...foreign.map((digest) => `blob ${digest}`)];
    // The next collection takes them away, which is done when the check has let go of the store.
    for (const subject of all) this.#found(subject, "it belongs to nothing", () => "removed");
  }

  /** Each layer with those below it in one of its images. */
  #layers(): CheckedLayer[] {
    const rows = this.#database
      .query<{ id: string; diff_id: string; image_id: string | null; position: number | null }, []>(
        `SELECT id, diff_id, image_id, min(position) AS position FROM layers
         LEFT JOIN image_layers ON layer_id = id GROUP BY id ORDER BY position, id`,
      )
      .all();
    const below = this.#database.query<{ layer_id: string }, [string, number]>(
      "SELECT layer_id FROM image_layers WHERE image_id = ? AND position < ? ORDER BY position",
    );
    return rows.map(({ id, diff_id, image_id, position }) => ({
      id,
      diffID: diff_id,
      below: image_id === null ? [] : below.all(image_id, position ?? 0).map(({ layer_id }) => layer_id),
    }));
  }

  #images(): { id: string }[] {
    return this.#database.query<{ id: string }, []>("SELECT id FROM images ORDER BY id").all();
  }

  #removeLayer(id: string, trash: string): string | undefined {
    if (this.#busy().has(id)) return undefined;
    const images = this.#database
      .query<{ image_id: string }, [string]>("SELECT DISTINCT image_id FROM image_layers WHERE layer_id = ?")
      .all(id);
    for (const { image_id } of images) this.#removeImage(image_id);
    removeTree(undefined, this.#store.splitPath(id));
    // Under its name it must not be seen in parts.
    const path = this.#store.layerPath(id);
    if (isThere(undefined, path)) renameat(undefined, path, undefined, join(trash, "broken"));
    removeTree(undefined, join(trash, "broken"));
    return "removed with its images: pull them again";
  }

  /** Its names go; the image itself too, unless containers need it: then the next pull completes it. */
  #removeImage(id: string): string {
    this.#database
      .transaction(() => {
        this.#database.query("DELETE FROM image_references WHERE image_id = ?").run(id);
        this.#database.query("UPDATE images SET doomed = 1 WHERE id = ?").run(id);
      })
      .immediate();
    return "removed: pull it again";
  }

  #found(subject: string, problem: string, repair: () => string | undefined): void {
    const done = this.#repair ? repair() : undefined;
    const busy = this.#repair && done === undefined;
    this.#tell(subject, busy ? `${problem}; a running container uses it: stop that first` : problem, done);
  }

  #tell(subject: string, problem: string, repair: string | undefined): void {
    this.found.push({ subject, problem, repair });
  }
}
