/** Manifests, indexes and image configs: their types, and the checks that outside JSON passes before we use it. */
import * as v from "valibot";
import { CurruntError } from "../base/error.ts";
import { isDigest, parseDigest } from "./digest.ts";
import {
  bareType,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  DOCKER_SCHEMA1,
  DOCKER_SCHEMA1_SIGNED,
  isImageManifestType,
  isIndexType,
  isManifestType,
  isSchema1Type,
  OCI_INDEX,
  OCI_MANIFEST,
} from "./media-type.ts";

/** The spec asks registries to take manifests of at least 4 MiB; nobody makes larger ones. */
export const MAX_MANIFEST_BYTES = 4 << 20;
/** Same bound for image configs. */
export const MAX_CONFIG_BYTES = 4 << 20;
/** Overlay takes at most 500 lower layers. */
const MAX_LAYERS = 500;
const MAX_INDEX_ENTRIES = 10_000;

const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0, "is negative"));
const digest = v.pipe(v.string(), v.check(isDigestShaped, "is not a digest"));
const annotations = v.record(v.string(), v.string());

const platform = v.object({
  architecture: v.optional(v.string(), ""),
  os: v.optional(v.string(), ""),
  variant: v.optional(v.string()),
  "os.version": v.optional(v.string()),
  "os.features": v.optional(v.array(v.string())),
});

const descriptor = v.object({
  mediaType: v.optional(v.string(), ""),
  digest,
  size,
  urls: v.optional(v.nullable(v.array(v.string()))),
  annotations: v.optional(v.nullable(annotations)),
  /** The content itself, in base64. */
  data: v.optional(v.string()),
  platform: v.optional(v.nullable(platform)),
  artifactType: v.optional(v.string()),
});
/** Points at content: type, digest and size in bytes; -1 where a manifest of schema 1 leaves us without. */
export type Descriptor = v.InferOutput<typeof descriptor>;

const imageManifest = v.object({
  schemaVersion: v.literal(2),
  mediaType: v.optional(v.string()),
  artifactType: v.optional(v.string()),
  config: descriptor,
  layers: v.pipe(v.array(descriptor), v.maxLength(MAX_LAYERS, `has more than ${MAX_LAYERS} layers`)),
  annotations: v.optional(v.nullable(annotations)),
});
/** One image: a config and layers, bottom first. */
export type ImageManifest = v.InferOutput<typeof imageManifest>;

const imageIndex = v.object({
  schemaVersion: v.literal(2),
  mediaType: v.optional(v.string()),
  manifests: v.pipe(v.array(descriptor), v.maxLength(MAX_INDEX_ENTRIES, "has too many entries")),
  annotations: v.optional(v.nullable(annotations)),
});
/** The same image for several platforms (an OCI index or a docker manifest list). */
export type ImageIndex = v.InferOutput<typeof imageIndex>;

const strings = v.nullish(v.array(v.string()));
const set = v.nullish(v.record(v.string(), v.unknown()));
const imageConfig = v.object({
  architecture: v.optional(v.string(), ""),
  os: v.optional(v.string(), ""),
  variant: v.optional(v.string()),
  created: v.nullish(v.string()),
  author: v.nullish(v.string()),
  config: v.nullish(
    v.object({
      User: v.nullish(v.string()),
      ExposedPorts: set,
      Env: strings,
      Entrypoint: strings,
      Cmd: strings,
      /** Docker for Windows: the one Cmd string is a whole command line. */
      ArgsEscaped: v.nullish(v.boolean()),
      Volumes: set,
      WorkingDir: v.nullish(v.string()),
      Labels: v.nullish(annotations),
      StopSignal: v.nullish(v.string()),
      StopTimeout: v.nullish(v.number()),
      Shell: strings,
      Healthcheck: v.nullish(v.record(v.string(), v.unknown())),
    }),
  ),
  rootfs: v.object({
    type: v.literal("layers"),
    diff_ids: v.nullable(v.pipe(v.array(digest), v.maxLength(MAX_LAYERS))),
  }),
  history: v.nullish(
    v.array(
      v.object({
        created: v.nullish(v.string()),
        created_by: v.nullish(v.string()),
        comment: v.nullish(v.string()),
        empty_layer: v.nullish(v.boolean()),
      }),
    ),
  ),
});
/** What an image says about itself (OCI image config, docker's container image): command, environment, layers. */
export type ImageConfig = v.InferOutput<typeof imageConfig>;

/** A manifest document told apart by its kind. `schema1` is docker's legacy form, not parsed here. */
export type Manifest =
  | { readonly kind: "index"; readonly mediaType: string; readonly index: ImageIndex }
  | { readonly kind: "image"; readonly mediaType: string; readonly manifest: ImageManifest }
  | { readonly kind: "schema1"; readonly mediaType: string };

/**
 * Parses a manifest. `contentType` is what the registry or the descriptor calls it; a missing or generic one is
 * replaced by what the document itself says. `trusted`: the bytes matched a digest, so a `mediaType` in the document that differs is
 * the publisher's mistake and not an ambiguity (image-spec media-types.md). Throws "invalid" or "unsupported".
 */
export function parseManifest(
  bytes: Uint8Array,
  contentType: string | null | undefined,
  { subject, trusted = false }: { subject: string; trusted?: boolean },
): Manifest {
  const document = parseObject(bytes, subject, MAX_MANIFEST_BYTES);
  refuseAmbiguity(document, subject);
  const mediaType = typeOf(document, contentType, subject, trusted);
  if (isIndexType(mediaType))
    return { kind: "index", mediaType, index: check(imageIndex, document, subject) };
  if (isImageManifestType(mediaType)) {
    return { kind: "image", mediaType, manifest: check(imageManifest, document, subject) };
  }
  if (isSchema1Type(mediaType)) return { kind: "schema1", mediaType };
  throw new CurruntError(
    "unsupported",
    `read ${subject}: unknown manifest type ${JSON.stringify(mediaType)}`,
    {
      hint: "the name may belong to something that is no container image",
    },
  );
}

/** Parses an image config. Unknown fields are left out. */
export function parseImageConfig(bytes: Uint8Array, subject: string): ImageConfig {
  return check(imageConfig, parseObject(bytes, subject, MAX_CONFIG_BYTES), subject);
}

/** The content that a descriptor carries inline, unverified; undefined when it carries none. */
export function inlineData({ data }: Descriptor): Uint8Array | undefined {
  return data === undefined ? undefined : Buffer.from(data, "base64");
}

/**
 * A document that reads as an index and as a manifest could show one client an image and another client something
 * else under the same digest (CVE-2021-41190).
 */
function refuseAmbiguity(document: Record<string, unknown>, subject: string): void {
  const index = "manifests" in document;
  const image = "layers" in document || "config" in document;
  const legacy = "fsLayers" in document || "history" in document;
  if (Number(index) + Number(image) + Number(legacy) > 1) {
    throw new CurruntError("invalid", `read ${subject}: it is a manifest and an index at once`, {
      hint: "its publisher has to rebuild it; such a document can hide what it installs (CVE-2021-41190)",
    });
  }
}

function typeOf(
  document: Record<string, unknown>,
  contentType: string | null | undefined,
  subject: string,
  trusted: boolean,
): string {
  const told = bareType(contentType);
  const own = typeof document["mediaType"] === "string" ? document["mediaType"] : undefined;
  if (own !== undefined && isManifestType(told) && own !== told && !trusted) {
    throw new CurruntError(
      "invalid",
      `read ${subject}: it calls itself ${JSON.stringify(own)}, the registry sent it as ${JSON.stringify(told)}`,
      { hint: "pull it by digest if you trust the publisher (NAME@sha256:…)" },
    );
  }
  return isManifestType(told) ? told : sniff(document, own ?? told);
}

/** What the document is by its fields, for registries that send `text/plain` or `application/json`. */
function sniff(document: Record<string, unknown>, fallback: string): string {
  if (document["schemaVersion"] === 1) {
    return "signatures" in document ? DOCKER_SCHEMA1_SIGNED : DOCKER_SCHEMA1;
  }
  if (isManifestType(fallback)) return fallback;
  const docker = JSON.stringify(document).includes("application/vnd.docker.");
  if ("manifests" in document) return docker ? DOCKER_LIST : OCI_INDEX;
  if ("config" in document && "layers" in document) return docker ? DOCKER_MANIFEST : OCI_MANIFEST;
  return fallback;
}

function parseObject(bytes: Uint8Array, subject: string, limit: number): Record<string, unknown> {
  if (bytes.byteLength > limit) {
    throw new CurruntError("invalid", `read ${subject}: it is larger than ${limit >> 20} MiB`, {
      hint: "no real image needs that much: check the name",
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new CurruntError("invalid", `read ${subject}: not JSON`, {
      cause,
      hint: "the server may not be a container registry: check the name's first part",
    });
  }
  return check(v.record(v.string(), v.unknown()), value, subject);
}

function check<const S extends v.GenericSchema>(
  schema: S,
  value: unknown,
  subject: string,
): v.InferOutput<S> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue);
  throw new CurruntError(
    "invalid",
    `read ${subject}: ${path === null ? "" : `field "${path}": `}${issue.message}`,
    { hint: "the image is damaged or was made by a faulty tool" },
  );
}

/** Digests of algorithms we lack pass: they are refused, with a better message, when they are needed. */
function isDigestShaped(text: string): boolean {
  if (isDigest(text)) return true;
  try {
    parseDigest(text);
    return true;
  } catch (error) {
    return (
      error instanceof CurruntError &&
      error.kind === "unsupported" &&
      /^[a-z0-9+._-]+:[A-Za-z0-9=_-]+$/.test(text)
    );
  }
}
