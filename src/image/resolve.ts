/** From a reference to one image manifest: through indexes, by platform, refusing what is no image. */
import { CurruntError } from "../base/error.ts";
import type { BlobStore } from "./blob.ts";
import { parseDigest } from "./digest.ts";
import type { ImageSource } from "./image-source.ts";
import type { ImageManifest } from "./manifest.ts";
import { parseManifest } from "./manifest.ts";
import { isImageConfigType, isLayerType } from "./media-type.ts";
import type { Platform } from "./platform.ts";
import { choosePlatform } from "./platform.ts";
import type { Reference } from "./reference.ts";
import { familiarReference } from "./reference.ts";
import type { FetchedManifest } from "./registry.ts";
import type { Schema1Image } from "./schema1.ts";
import { parseSchema1 } from "./schema1.ts";

/** Indexes may nest; nobody nests them deeper. */
const MAX_DEPTH = 8;

export type ResolvedImage = ResolvedDocuments &
  (
    | { readonly kind: "image"; readonly manifest: ImageManifest }
    | { readonly kind: "schema1"; readonly schema1: Schema1Image }
  );

interface ResolvedDocuments {
  readonly manifestDigest: string;
  /** Digest of what the reference names: an index, or the manifest itself. */
  readonly digest: string;
  /** Every document on the way by its digest, as it was sent. */
  readonly documents: ReadonlyMap<string, Uint8Array>;
}

export interface ResolveOptions {
  readonly platform: Platform;
  /** Documents that are here already are not asked for, once their digest is known. */
  readonly blobs: BlobStore;
}

/** The manifest for `platform` of what `reference` names at the registry. */
export async function resolveImage(
  client: ImageSource,
  reference: Reference,
  { platform, blobs }: ResolveOptions,
): Promise<ResolvedImage> {
  const name = familiarReference(reference);
  const documents = new Map<string, Uint8Array>();
  let next: { digest: string; mediaType: string } | undefined;
  let digest = "";
  for (let depth = 0; depth <= MAX_DEPTH; depth++) {
    const subject = next === undefined ? `manifest of "${name}"` : `manifest ${next.digest} of "${name}"`;
    const asked = next?.digest ?? reference.digest;
    const fetched = stored(blobs, asked) ?? (await client.manifest(asked ?? reference.tag ?? "latest"));
    if (next === undefined) digest = fetched.digest;
    documents.set(fetched.digest, fetched.bytes);
    const manifest = parseManifest(fetched.bytes, next?.mediaType || fetched.contentType, {
      subject,
      trusted: asked !== undefined,
    });
    const found = { manifestDigest: fetched.digest, digest, documents };
    if (manifest.kind === "image") {
      refuseForeign(manifest.manifest, subject);
      return { kind: "image", manifest: manifest.manifest, ...found };
    }
    if (manifest.kind === "schema1") {
      const schema1 = parseSchema1(fetched.bytes, subject);
      for (const layer of schema1.layers) parseDigest(layer);
      return { kind: "schema1", schema1, ...found };
    }
    next = choosePlatform(manifest.index, platform, `"${name}"`);
    parseDigest(next.digest);
  }
  throw new CurruntError(
    "invalid",
    `read manifest of "${name}": indexes are nested more than ${MAX_DEPTH} deep`,
    {
      hint: "the image was made by a faulty tool: its publisher has to rebuild it",
    },
  );
}

/** The document, when it is here and undamaged. */
function stored(blobs: BlobStore, digest: string | undefined): FetchedManifest | undefined {
  const bytes = digest === undefined ? undefined : blobs.read(digest);
  return digest === undefined || bytes === undefined ? undefined : { bytes, contentType: "", digest };
}

/** Charts, modules, signatures and plugins live in registries too: they have manifests, but make no root file system. */
function refuseForeign(manifest: ImageManifest, subject: string): void {
  const kind = manifest.artifactType ?? manifest.config.mediaType;
  if (!isImageConfigType(manifest.config.mediaType)) {
    throw new CurruntError(
      "unsupported",
      `read ${subject}: it is no container image but ${JSON.stringify(kind)}`,
      {
        hint: "the name belongs to an artifact of another tool: check the name",
      },
    );
  }
  parseDigest(manifest.config.digest);
  for (const { mediaType, digest } of manifest.layers) {
    parseDigest(digest);
    if (isLayerType(mediaType)) continue;
    const encrypted = mediaType.endsWith("+encrypted");
    throw new CurruntError(
      "unsupported",
      `read ${subject}: ${encrypted ? "its layers are encrypted" : `unknown layer type ${JSON.stringify(mediaType)}`}`,
      {
        hint: encrypted
          ? "decrypt it first, for example with skopeo"
          : "it may be an artifact of another tool",
      },
    );
  }
}
