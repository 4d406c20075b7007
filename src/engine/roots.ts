/** Makes the data root and the run root. */
import { CurruntError } from "../base/error.ts";
import type { Roots } from "../base/paths.ts";
import { dataPaths } from "../base/paths.ts";
import { listDirectory, makeDirectories } from "../sys/directory.ts";
import { fchmodat } from "../sys/file.ts";
import { isThere } from "../sys/stat.ts";

/**
 * Makes the directories of both roots where they are missing: the data root for root's eyes only (loose modes were
 * CVE-2021-41103), the run root passable so that a user namespace can traverse it. Throws "invalid" for a new data root
 * that holds anything else: closing /tmp or /home to everybody would be the end of the host. True: the run root is new, as
 * after a boot.
 */
export function prepareRoots(roots: Roots): boolean {
  const { database, containersLock: _, ...directories } = dataPaths(roots);
  if (!isThere(undefined, database)) {
    if (isThere(undefined, roots.data)) refuseForeign(roots.data);
    makeDirectories(roots.data, 0o700);
    fchmodat(undefined, roots.data, 0o700);
    for (const directory of Object.values(directories)) makeDirectories(directory, 0o700);
  }
  if (isThere(undefined, roots.run)) return false;
  makeDirectories(roots.run, 0o711);
  // The caller's umask may have taken bits away.
  fchmodat(undefined, roots.run, 0o711);
  return true;
}

function refuseForeign(directory: string): void {
  const own = Object.values(dataPaths({ data: "", run: "" })).map((path) => path.split("/")[1]);
  // The file system's own, and what SQLite makes beside the index.
  const expected = (name: string) =>
    own.includes(name) || name === "lost+found" || name.startsWith("index.db-");
  const foreign = listDirectory(directory).find((name) => !expected(name));
  if (foreign === undefined) return;
  throw new CurruntError(
    "invalid",
    `use "${directory}" as data root: it holds something else, "${foreign}"`,
    {
      hint: "name a directory that is new or empty with -data-root",
    },
  );
}
