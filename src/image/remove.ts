/** Taking an image's names away, and the image with the last of them. */
import type { Database } from "bun:sqlite";
import { CurruntError } from "../base/error.ts";

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
  /** The stored reference, when the name was one; undefined: an ID, all references go. */
  readonly reference: string | undefined;
  readonly force: boolean;
}

/** Deletes the rows; runs in the caller's transaction. Throws "conflict" for what only `force` may do. */
export function removeRows(
  database: Database,
  image: { readonly id: string; readonly references: readonly string[] },
  { name, reference, force }: Removal,
): RemovedImage {
  const untagged = reference === undefined ? image.references : [reference];
  if (reference === undefined && untagged.length > 1 && !force) {
    throw new CurruntError("conflict", `remove image ${JSON.stringify(name)}: it has several names`, {
      hint: `it is ${untagged.join(", ")}: remove one of them, or all with -force`,
    });
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
  for (const gone of untagged) database.query("DELETE FROM image_references WHERE name = ?").run(gone);
  if (!isLast) return { untagged, deleted: undefined };
  const statement =
    users.length > 0 ? "UPDATE images SET doomed = 1 WHERE id = ?" : "DELETE FROM images WHERE id = ?";
  database.query(statement).run(image.id);
  return { untagged, deleted: users.length > 0 ? undefined : image.id };
}

function containersOf(database: Database, id: string): string[] {
  return database
    .query<{ name: string }, [string]>("SELECT name FROM containers WHERE image_id = ? ORDER BY name")
    .all(id)
    .map(({ name }) => name);
}
