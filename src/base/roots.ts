/** Makes the data root and the run root. */
import { chmodSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { CurruntError } from "./error.ts";
import type { Roots } from "./paths.ts";
import { dataPaths } from "./paths.ts";

/**
 * Makes the directories of both roots where they are missing: the data root for root's eyes only (loose modes were
 * CVE-2021-41103), the run root passable so that a user namespace can traverse it. Throws "invalid" for a new data root
 * that holds anything else: closing /tmp or /home to everybody would be the end of the host.
 */
export function prepareRoots(roots: Roots): void {
  const { database, containersLock: _, ...directories } = dataPaths(roots);
  if (!existsSync(database)) {
    const made = mkdirSync(roots.data, { recursive: true, mode: 0o700 });
    if (made === undefined) refuseForeign(roots.data);
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

function refuseForeign(directory: string): void {
  const own = Object.values(dataPaths({ data: "", run: "" })).map((path) => path.split("/")[1]);
  // The file system's own, and what SQLite makes beside the index.
  const expected = (name: string) =>
    own.includes(name) || name === "lost+found" || name.startsWith("index.db-");
  const foreign = readdirSync(directory).find((name) => !expected(name));
  if (foreign === undefined) return;
  throw new CurruntError(
    "invalid",
    `use "${directory}" as data root: it holds something else, "${foreign}"`,
    {
      hint: "name a directory that is new or empty with -data-root",
    },
  );
}
