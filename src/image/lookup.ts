/** What a user calls an image, looked up in the index: a reference, an ID, the start of an ID. */
import type { Database } from "bun:sqlite";
import { CurruntError } from "../base/error.ts";
import type { Reference } from "./reference.ts";
import { formatReference, nameOf, parseReference } from "./reference.ts";

export interface FoundName {
  /** The image's ID. */
  readonly id: string;
  /** The stored references that the name stands for; none for an ID. */
  readonly references: readonly string[];
}

/** Docker's order: a whole ID, a reference, the start of an ID. Undefined: no image has that name. */
export function resolveName(database: Database, name: string): FoundName | undefined {
  const hex = /^(?:sha(?:256|512):)?([a-f0-9]{1,128})$/.exec(name)?.[1];
  if (hex?.length === 64 || hex?.length === 128) return byPrefix(database, hex, name);
  if (!/^sha(?:256|512):/.test(name)) {
    const found = byReference(database, parseReference(name));
    if (found !== undefined) return found;
  }
  return hex === undefined ? undefined : byPrefix(database, hex, name);
}

function byReference(database: Database, reference: Reference): FoundName | undefined {
  const text = formatReference(reference);
  const exact = database
    .query<{ image_id: string }, [string]>("SELECT image_id FROM image_references WHERE name = ?")
    .get(text);
  if (exact !== null) return { id: exact.image_id, references: [text] };
  if (reference.digest === undefined) return undefined;
  // NAME@DIGEST finds what was pulled as NAME:TAG when that is what the tag stood for.
  const named = database
    .query<{ name: string; image_id: string }, [string]>(
      `SELECT name, image_id FROM image_references JOIN images ON images.id = image_id
       WHERE ?1 IN (digest, manifest_digest) ORDER BY name`,
    )
    .all(reference.digest)
    .filter(({ name }) => nameOf(parseReference(name)) === nameOf(reference));
  const [first] = named;
  return first && { id: first.image_id, references: named.map(({ name }) => name) };
}

function byPrefix(database: Database, hex: string, name: string): FoundName | undefined {
  const found = database
    .query<{ id: string }, [string]>(
      "SELECT id FROM images WHERE substr(id, 8, length(?1)) = ?1 AND doomed = 0 LIMIT 2",
    )
    .all(hex);
  if (found.length > 1) {
    throw new CurruntError("conflict", `find image ${JSON.stringify(name)}: several IDs start so`, {
      hint: "give more digits",
    });
  }
  return found[0] && { id: found[0].id, references: [] };
}
