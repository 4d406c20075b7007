/** What images an archive holds, by what it says of itself: OCI image layout, docker archive, or both in one. */
import * as v from "valibot";
import { CurruntError } from "../base/error.ts";
import type { ArchiveFiles } from "./archive-files.ts";
import { blobPath, readDocument } from "./archive-files.ts";
import { ArchiveSource } from "./archive-source.ts";
import { digestOf } from "./digest.ts";
import type { ImageSource } from "./image-source.ts";
import type { Descriptor } from "./manifest.ts";
import { MAX_CONFIG_BYTES, MAX_MANIFEST_BYTES, parseImageConfig, parseManifest } from "./manifest.ts";
import { DOCKER_CONFIG, DOCKER_LAYER, DOCKER_MANIFEST, OCI_INDEX } from "./media-type.ts";
import type { Platform } from "./platform.ts";
import { choosePlatform } from "./platform.ts";
import type { Reference } from "./reference.ts";
import { formatReference, parseReference } from "./reference.ts";

/** One image of an archive. */
export interface ArchivedImage {
  readonly source: ImageSource;
  /** Of its index or manifest in the source. */
  readonly digest: string;
  readonly names: readonly Reference[];
}

/** c/image's bound for the list of a docker archive. */
const MAX_LIST_BYTES = 1 << 20;
const REF_NAME = "org.opencontainers.image.ref.name";
const CONTAINERD_NAME = "io.containerd.image.name";

/** The images of `files` for `platform`. What holds both forms is read as OCI, where every digest is told. */
export function readImages(files: ArchiveFiles, platform: Platform): ArchivedImage[] {
  const layout = readDocument(files, "oci-layout", MAX_LIST_BYTES);
  const index = readDocument(files, "index.json", MAX_MANIFEST_BYTES);
  const list = readList(files);
  if (index !== undefined && (layout !== undefined || list === undefined)) {
    return readLayout(files, index, { platform, list: list ?? [] });
  }
  if (list !== undefined) return list.map((entry) => readDockerImage(files, entry));
  throw new CurruntError("invalid", "it holds no image: neither index.json nor manifest.json is in it", {
    hint: readDocument(files, "repositories", MAX_LIST_BYTES)
      ? "it was written by a docker before 1.10: load and save it with a later one"
      : 'give an OCI layout or what "docker save" writes; a file system is read by "currunt import"',
  });
}

const dockerList = v.array(
  v.object({
    Config: v.string(),
    RepoTags: v.nullish(v.array(v.string())),
    Layers: v.nullish(v.array(v.string())),
  }),
);
type ListEntry = v.InferOutput<typeof dockerList>[number];

function readList(files: ArchiveFiles): ListEntry[] | undefined {
  const bytes = readDocument(files, "manifest.json", MAX_LIST_BYTES);
  if (bytes === undefined) return undefined;
  try {
    return v.parse(dockerList, JSON.parse(bytes.toString("utf8")));
  } catch (cause) {
    throw new CurruntError("invalid", "read manifest.json: it is no list of images", { cause });
  }
}

function readLayout(
  files: ArchiveFiles,
  bytes: Buffer,
  { platform, list }: { platform: Platform; list: readonly ListEntry[] },
): ArchivedImage[] {
  const parsed = parseManifest(bytes, OCI_INDEX, { subject: "index.json", trusted: true });
  if (parsed.kind !== "index") throw new CurruntError("invalid", "read index.json: it is no index");
  const source = new ArchiveSource(files);
  const groups = Map.groupBy(parsed.index.manifests, groupOf);
  const chosen = [...groups.values()].map((manifests) => {
    const [only] = manifests;
    const one = manifests.length === 1 && only !== undefined;
    return one ? only : choosePlatform({ schemaVersion: 2, manifests }, platform, "the archive");
  });
  // One image has an entry for each of its names.
  return [...Map.groupBy(chosen, ({ digest }) => digest)].map(([digest, entries]) => ({
    source,
    digest,
    names: unique([...entries.flatMap(namesOf), ...namesInList(files, digest, list)]),
  }));
}

/** Entries of the same name, or without any, are the same image for several platforms; what has no platform stands alone. */
function groupOf({ annotations, platform, digest }: Descriptor): string {
  const name = annotations?.[CONTAINERD_NAME] ?? annotations?.[REF_NAME] ?? "";
  return platform === undefined || platform === null ? `${name}@${digest}` : name;
}

/**
 * The name that an entry's annotations give. A word without a colon or slash is only a tag, of a repository that the layout
 * does not tell: no name.
 */
function namesOf({ annotations }: Descriptor): Reference[] {
  const text = annotations?.[CONTAINERD_NAME] ?? annotations?.[REF_NAME] ?? "";
  return /[/:]/.test(text) ? [parseReference(text)] : [];
}

/** docker's own list has the names of an image that the index has without one. */
function namesInList(files: ArchiveFiles, digest: string, list: readonly ListEntry[]): Reference[] {
  if (list.length === 0) return [];
  const bytes = readDocument(files, blobPath(digest), MAX_MANIFEST_BYTES);
  const config = bytes === undefined ? undefined : configOf(bytes);
  return list.flatMap(({ Config, RepoTags }) =>
    config !== undefined && Config.includes(config) ? (RepoTags ?? []).map(parseReference) : [],
  );
}

/** The hexadecimal digits of a manifest's config; undefined for an index. */
function configOf(bytes: Uint8Array): string | undefined {
  const parsed = parseManifest(bytes, undefined, { subject: "manifest", trusted: true });
  return parsed.kind === "image" ? parsed.manifest.config.digest.replace(/^\w+:/, "") : undefined;
}

/**
 * A docker archive tells configs and layers by file name. It gets a manifest that lists the layers by what they unpack to,
 * as the same image has when it is saved.
 */
function readDockerImage(files: ArchiveFiles, { Config, RepoTags, Layers }: ListEntry): ArchivedImage {
  const config = readDocument(files, Config, MAX_CONFIG_BYTES);
  if (config === undefined) throw new CurruntError("invalid", `the archive lacks ${JSON.stringify(Config)}`);
  const id = digestOf(config);
  checkConfigName(Config, id);
  const diffIDs = parseImageConfig(config, Config).rootfs.diff_ids ?? [];
  const paths = Layers ?? [];
  if (diffIDs.length !== paths.length) {
    throw new CurruntError(
      "invalid",
      `read manifest.json: it lists ${paths.length} layers, ${JSON.stringify(Config)} lists ${diffIDs.length}`,
    );
  }
  const layers = diffIDs.map((digest, index) => ({
    mediaType: DOCKER_LAYER,
    size: sizeOf(files, paths[index] ?? ""),
    digest,
  }));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: DOCKER_MANIFEST,
      config: { mediaType: DOCKER_CONFIG, size: config.length, digest: id },
      layers,
    }),
  );
  const digest = digestOf(manifest);
  const documents = new Map<string, Uint8Array>([
    [digest, manifest],
    [id, config],
  ]);
  const places = new Map(diffIDs.map((diffID, index) => [diffID, paths[index] ?? ""]));
  const source = new ArchiveSource(files, { layers: places, documents });
  return { source, digest, names: unique((RepoTags ?? []).map(parseReference)) };
}

/** The name is the digest in all archives that there are: "HEX.json", or "blobs/sha256/HEX". */
function checkConfigName(path: string, id: string): void {
  const told = /(?:^|\/)([a-f0-9]{64})(?:\.json)?$/.exec(path)?.[1];
  if (told === undefined || `sha256:${told}` === id) return;
  throw new CurruntError("invalid", `verify ${JSON.stringify(path)}: its digest is ${id}`, {
    hint: "the archive is damaged: make or copy it anew",
  });
}

function sizeOf(files: ArchiveFiles, path: string): number {
  using file = files.open(path);
  if (file === undefined) throw new CurruntError("invalid", `the archive lacks ${JSON.stringify(path)}`);
  return file.sizeBytes;
}

function unique(references: readonly Reference[]): Reference[] {
  return [...new Map(references.map((reference) => [formatReference(reference), reference])).values()];
}
