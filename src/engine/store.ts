/** Containers in the index and on disk: stored, found by name or ID, marked, removed. */
import type { Database } from "bun:sqlite";
import { join } from "node:path";
import { CurruntError } from "../base/error.ts";
import type { Roots } from "../base/paths.ts";
import { containerPaths, dataPaths } from "../base/paths.ts";
import { makeDirectories, removeTree } from "../sys/directory.ts";
import { removeCgroups } from "./cgroup-list.ts";
import type { Container, ContainerRecord, ContainerStatus } from "./container.ts";
import { isDiskFull } from "./database.ts";

interface Row {
  id: string;
  created_at: number;
  status: ContainerStatus;
  started_at: number | null;
  exited_at: number | null;
  exit_code: number | null;
  record: string;
}

const columns = "id, created_at, status, started_at, exited_at, exit_code, record";

/** Containers of one data root, over its index. */
export class ContainerStore {
  readonly #database: Database;
  readonly #roots: Roots;

  constructor(database: Database, roots: Roots) {
    this.#database = database;
    this.#roots = roots;
  }

  /** Stores a new container; false when another has its name. */
  add(record: ContainerRecord, status: ContainerStatus): boolean {
    const now = Date.now();
    const { changes } = this.#database
      .query(
        "INSERT INTO containers (id, name, image_id, created_at, status, started_at, record) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
      )
      .run(
        record.id,
        record.name,
        record.image?.id ?? null,
        now,
        status,
        status === "running" ? now : null,
        JSON.stringify(record),
      );
    return changes === 1;
  }

  /** The container that a name, an ID or the unique start of an ID names; undefined when there is none. */
  find(name: string): Container | undefined {
    const exact = this.#database
      .query<Row, [string, string]>(`SELECT ${columns} FROM containers WHERE id = ? OR name = ?`)
      .get(name, name);
    if (exact !== null) return containerOf(exact);
    if (!/^[0-9a-f]+$/.test(name)) return undefined;
    const [first, second] = this.#database
      .query<Row, [string, string]>(`SELECT ${columns} FROM containers WHERE id >= ? AND id < ? LIMIT 2`)
      .all(name, `${name}g`);
    if (second !== undefined) {
      throw new CurruntError("invalid", `find container "${name}": several IDs begin so`, {
        hint: "give more digits of the ID, or the name",
      });
    }
    return first === undefined ? undefined : containerOf(first);
  }

  /** As `find`, but a missing container is a "not-found" error. */
  get(name: string): Container {
    const found = this.find(name);
    if (found !== undefined) return found;
    throw new CurruntError("not-found", `find container ${JSON.stringify(name)}: there is none`, {
      hint: '"currunt ps -all" lists what is here',
    });
  }

  /** How many there are, and how many of them count as running. */
  count(): { total: number; running: number } {
    const counted = this.#database
      .query<{ total: number; running: number }, []>(
        "SELECT count(*) AS total, count(*) FILTER (WHERE status = 'running') AS running FROM containers",
      )
      .get();
    return counted ?? { total: 0, running: 0 };
  }

  /** Newest first. */
  list(status?: ContainerStatus): Container[] {
    const order = "ORDER BY created_at DESC, rowid DESC";
    const rows =
      status === undefined
        ? this.#database.query<Row, []>(`SELECT ${columns} FROM containers ${order}`).all()
        : this.#database
            .query<Row, [string]>(`SELECT ${columns} FROM containers WHERE status = ? ${order}`)
            .all(status);
    return rows.map(containerOf);
  }

  /** From now on it counts as running, until its end is taken into the index. */
  markRunning(id: string): void {
    this.#database
      .query("UPDATE containers SET status = 'running', started_at = ? WHERE id = ?")
      .run(Date.now(), id);
  }

  markExited(id: string, exitCode: number, exitedAt: number): void {
    this.#database
      .query("UPDATE containers SET status = 'exited', exited_at = ?, exit_code = ? WHERE id = ?")
      .run(exitedAt, exitCode, id);
  }

  /** Back to what it was before a start that failed. */
  restoreStatus({ record, status, startedAt }: Container): void {
    this.#database
      .query("UPDATE containers SET status = ?, started_at = ? WHERE id = ?")
      .run(status, startedAt ?? null, record.id);
  }

  /**
   * Removes a container with all it had; the caller holds its lock. The run directory goes last: as long as it is
   * there, the sweep finishes what was begun.
   */
  remove(
    { id, anonymousVolumes }: Pick<ContainerRecord, "id" | "anonymousVolumes">,
    { volumes = true } = {},
  ): void {
    makeDirectories(containerPaths(this.#roots, id).run, 0o700);
    this.removeRecord({ id, anonymousVolumes: volumes ? anonymousVolumes : [] });
    this.removeFiles(id);
  }

  /** Removes a container from the index, and volumes that were its alone; its directories are left. */
  removeRecord({ id, anonymousVolumes }: Pick<ContainerRecord, "id" | "anonymousVolumes">): void {
    const { directory } = containerPaths(this.#roots, id);
    try {
      this.forget(id);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      // It may be its own files that fill the disk.
      removeTree(undefined, directory);
      this.forget(id);
    }
    for (const { name } of anonymousVolumes) {
      const path = join(dataPaths(this.#roots).volumes, name);
      removeTree(undefined, path);
      removeTree(undefined, `${path}.new`);
    }
  }

  /** Stores what has changed about a container that is there. */
  replaceRecord(record: ContainerRecord): void {
    this.#database
      .query("UPDATE containers SET record = ? WHERE id = ?")
      .run(JSON.stringify(record), record.id);
  }

  /** Takes a container out of the index only. */
  forget(id: string): void {
    this.#database.query("DELETE FROM containers WHERE id = ?").run(id);
  }

  /** Removes the directories of a container that the index does not know. */
  removeFiles(id: string): void {
    const { directory, run } = containerPaths(this.#roots, id);
    removeCgroups(run);
    removeTree(undefined, directory);
    removeTree(undefined, run);
  }
}

function containerOf(row: Row): Container {
  return {
    // Written by this program, from a typed value.
    record: JSON.parse(row.record) as ContainerRecord,
    status: row.status,
    createdAt: row.created_at,
    ...(row.started_at === null ? {} : { startedAt: row.started_at }),
    ...(row.exited_at === null ? {} : { exitedAt: row.exited_at }),
    ...(row.exit_code === null ? {} : { exitCode: row.exit_code }),
  };
}
