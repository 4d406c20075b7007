/** Taking an image's names away, and the image with the last of them. */
import type { Database } from "bun:sqlite";
import { CurruntError } from "../base/error.ts";
import { nameOf, parseReference } from "./reference.ts";

/** What a removal did. */
export interface RemovedImage {
  /** References that are gone. */
  readonly untagged: readonly string[];
  /** The image's ID, when the image itself is gone too. */
  readonly deleted: string | undefined;
}

export interface Removal {
  /** What the user called the image, for messages. */
  readonly name: string;
  /** The stored references that it stands for; none: it is an ID, all references go. */
  readonly references: readonly string[];
  readonly force: boolean;
}

/** Deletes the rows; runs in the caller's transaction. Throws "conflict" for what only `force` may do. */
export function removeRows(
  database: Database,
  image: { readonly id: string; readonly references: readonly string[] },
  { name, references, force }: Removal,
): RemovedImage {
  const untagged = references.length === 0 ? image.references : references;
  if (references.length === 0 && !isOneRepository(untagged) && !force) {
    throw new CurruntError(
      "conflict",
      `remove image ${JSON.stringify(name)}: it has names in several repositories`,
      {
        hint: `it is ${untagged.join(", ")}: remove one of them, or all with -force`,
      },
    );
  }
  const isLast = untagged.length === image.references.length;
  const users = isLast ? containersOf(database, image.id) : [];
  if (users.length > 0 && !force) {
    const list = users.map((user) => JSON.stringify(user)).join(", ");
    throw new CurruntError(
      "conflict",
      `remove image ${JSON.stringify(name)}: it is in use by container ${list}`,
      {
        hint: "remove the container first; with -force the image goes with its last container",
      },
    );
  }
  untagRows(database, untagged);
  if (!isLast) return { untagged, deleted: undefined };
  const statement =
    users.length > 0 ? "UPDATE images SET doomed = 1 WHERE id = ?" : "DELETE FROM images WHERE id = ?";
  database.query(statement).run(image.id);
  return { untagged, deleted: users.length > 0 ? undefined : image.id };
}

/** docker's rule: an ID takes several tags of one repository away, but not the names that other repositories gave. */
function isOneRepository(references: readonly string[]): boolean {
  return new Set(references.map((text) => nameOf(parseReference(text)))).size <= 1;
}

/** Takes names from an image that stays, without any if those were all. */
export function untagRows(database: Database, references: readonly string[]): void {
  for (const name of references) database.query("DELETE FROM image_references WHERE name = ?").run(name);
}

function containersOf(database: Database, id: string): string[] {
  return database
    .query<{ name: string }, [string]>("SELECT name FROM containers WHERE image_id = ? ORDER BY name")
    .all(id)
    .map(({ name }) => name);
}
