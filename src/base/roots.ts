/** Makes the data root and the run root. */
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import type { Roots } from "./paths.ts";
import { dataPaths } from "./paths.ts";

/**
 * Makes the directories of both roots where they are missing: the data root for root's eyes only (loose modes were
 * CVE-2021-41103), the run root passable so that a user namespace can traverse it.
 */
export function prepareRoots(roots: Roots): void {
  const { database, containersLock: _, ...directories } = dataPaths(roots);
  if (!existsSync(database)) {
    mkdirSync(roots.data, { recursive: true, mode: 0o700 });
    chmodSync(roots.data, 0o700);
    for (const directory of Object.values(directories))
      mkdirSync(directory, { recursive: true, mode: 0o700 });
  }
  if (!existsSync(roots.run)) {
    mkdirSync(roots.run, { recursive: true, mode: 0o711 });
    // The caller's umask may have taken bits away.
    chmodSync(roots.run, 0o711);
  }
}
