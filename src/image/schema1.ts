/** Docker's manifest schema 1, which old registries still hand out, read as what today's images are. */
import * as v from "valibot";
import { CurruntError } from "../base/error.ts";

/** An image that has no config of its own yet: the layers' diffIDs, which belong into it, come from unpacking. */
export interface Schema1Image {
  /** Digests of the layers' blobs, bottom first. */
  readonly layers: readonly string[];
  /** The config document, given the diffIDs of `layers`. */
  config(diffIDs: readonly string[]): Uint8Array;
}

const manifestSchema = v.object({
  schemaVersion: v.literal(1),
  fsLayers: v.pipe(v.array(v.object({ blobSum: v.string() })), v.minLength(1), v.maxLength(500)),
  history: v.array(v.object({ v1Compatibility: v.string() })),
});
const signatureSchema = v.object({ signatures: v.array(v.object({ protected: v.string() })) });
const protectedSchema = v.object({
  formatLength: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  formatTail: v.string(),
});
const v1Schema = v.looseObject({
  id: v.pipe(v.string(), v.regex(/^[a-f0-9]{64}$/)),
  parent: v.optional(v.string(), ""),
  throwaway: v.optional(v.boolean(), false),
  created: v.optional(v.string()),
  author: v.optional(v.string()),
  comment: v.optional(v.string()),
  container_config: v.nullish(v.object({ Cmd: v.nullish(v.array(v.string())) })),
});
type V1Image = v.InferOutput<typeof v1Schema>;

/** What only the old format has: it does not belong into a config. */
const legacyFields = new Set(["id", "parent", "parent_id", "layer_id", "throwaway", "Size"]);

/**
 * The part of a signed manifest that its digest covers; a document without signatures, or that is none, as it is. The
 * signature itself is not checked: its key is in the same document and proves nothing.
 */
export function signedPayload(bytes: Uint8Array): Uint8Array {
  const [first] = parseAs(signatureSchema, bytes)?.signatures ?? [];
  if (first === undefined) return bytes;
  const header = parseAs(protectedSchema, Buffer.from(first.protected, "base64url"));
  if (header === undefined || header.formatLength > bytes.byteLength) return bytes;
  return Buffer.concat([bytes.subarray(0, header.formatLength), Buffer.from(header.formatTail, "base64url")]);
}

/** Reads a schema 1 manifest. Throws "invalid" when layers and history do not belong together. */
export function parseSchema1(bytes: Uint8Array, subject: string): Schema1Image {
  const manifest = parseAs(manifestSchema, bytes);
  const fail = (detail: string) =>
    new CurruntError("invalid", `read ${subject}: ${detail}`, {
      hint: "the image has docker's old schema 1 and is damaged: its publisher has to push it again",
    });
  if (manifest === undefined) throw fail("it is no schema 1 manifest");
  const { fsLayers, history } = manifest;
  if (fsLayers.length !== history.length) {
    throw fail(`it lists ${fsLayers.length} layers and ${history.length} steps`);
  }
  // Newest first on the wire.
  const steps = fsLayers
    .map(({ blobSum }, index) => {
      const image = parseAs(v1Schema, Buffer.from(history[index]?.v1Compatibility ?? ""));
      if (image === undefined) throw fail(`step ${index} of its history cannot be understood`);
      return { blobSum, image };
    })
    // Docker's builder wrote a step twice at times.
    .filter(({ image }, index, all) => image.id !== all[index - 1]?.image.id)
    .reverse();
  for (const [index, { image }] of steps.entries()) {
    if (image.parent !== (steps[index - 1]?.image.id ?? "")) throw fail("its history is no chain");
  }
  const newest = steps.at(-1)?.image;
  if (newest === undefined) throw fail("it has no layers");
  return {
    layers: steps.filter(({ image }) => !image.throwaway).map(({ blobSum }) => blobSum),
    config: (diffIDs) =>
      makeConfig(
        newest,
        steps.map(({ image }) => image),
        diffIDs,
      ),
  };
}

function makeConfig(newest: V1Image, images: readonly V1Image[], diffIDs: readonly string[]): Uint8Array {
  const kept = Object.entries(newest).filter(([name]) => !legacyFields.has(name));
  const history = images.map(({ created, author, comment, container_config, throwaway }) => ({
    created,
    author,
    created_by: container_config?.Cmd?.join(" "),
    comment,
    ...(throwaway ? { empty_layer: true } : {}),
  }));
  const config = { ...Object.fromEntries(kept), rootfs: { type: "layers", diff_ids: diffIDs }, history };
  return Buffer.from(JSON.stringify(config));
}

function parseAs<const S extends v.GenericSchema>(
  schema: S,
  bytes: Uint8Array,
): v.InferOutput<S> | undefined {
  try {
    const result = v.safeParse(schema, JSON.parse(Buffer.from(bytes).toString("utf8")));
    return result.success ? result.output : undefined;
  } catch {
    // Not JSON: not ours.
    return undefined;
  }
}
