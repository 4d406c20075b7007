/** What every operation of the engine works on: the roots, the index, and the stores over it. */
import type { Database } from "bun:sqlite";
import type { Roots } from "../base/paths.ts";
import { dataPaths } from "../base/paths.ts";
import { exitFast } from "../sys/exit.ts";
import { openDatabase } from "./database.ts";
import type { OnWarning } from "./recover.ts";
import { recover } from "./recover.ts";
import { prepareRoots } from "./roots.ts";
import { ContainerStore } from "./store.ts";

/** An open engine. */
export interface Context {
  readonly roots: Roots;
  readonly database: Database;
  readonly containers: ContainerStore;
  readonly onWarning: OnWarning | undefined;
}

export interface OpenOptions {
  /** False: what was broken off before is left to the caller. */
  readonly sweep?: boolean;
  readonly onWarning?: OnWarning | undefined;
}

/** Opens the index and puts right what was broken off before. */
export async function openContext(
  roots: Roots,
  { sweep = true, onWarning }: OpenOptions = {},
): Promise<Context> {
  prepareRoots(roots);
  const database = await openDatabase(dataPaths(roots).database);
  exitFast();
  const containers = new ContainerStore(database, roots);
  if (sweep) recover(roots, containers, onWarning);
  return { roots, database, containers, onWarning };
}
