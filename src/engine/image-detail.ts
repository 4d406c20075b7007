/** All that is known about an image: what `inspect` and `history` show. */
import { dirname } from "node:path";
import type { Image } from "../image/image-row.ts";
import { nameOf, parseReference } from "../image/reference.ts";
import type { Context } from "./context.ts";
import { imageStore } from "./image.ts";
import type { ImageStep } from "./image-options.ts";

/** An image in docker's fields, with what podman adds (`Digest`, `History`), and when and how it came here. */
export function inspectImage(context: Context, name: string): Record<string, unknown> {
  const store = imageStore(context);
  const image = store.get(name);
  const document = configDocument(store.blobs.read(image.id));
  const { config, platform, sizeBytes } = image;
  const paths = store.layerPaths(image);
  return {
    Id: image.id,
    Digest: image.manifestDigest,
    RepoTags: image.references.filter((reference) => !reference.includes("@")),
    RepoDigests: repoDigests(image),
    Parent: "",
    Comment: document["comment"] ?? config.history?.at(-1)?.comment ?? "",
    Created: config.created ?? "",
    DockerVersion: document["docker_version"] ?? "",
    Author: config.author ?? "",
    Config: document["config"] ?? config.config ?? {},
    Architecture: platform.architecture,
    Variant: platform.variant ?? "",
    Os: platform.os,
    OsVersion: document["os.version"] ?? "",
    Size: sizeBytes,
    VirtualSize: sizeBytes,
    GraphDriver: {
      Name: "overlay",
      Data: { LowerDir: paths.join(":"), LayersDir: dirname(paths[0] ?? store.layerPath("")) },
    },
    RootFS: { Type: "layers", Layers: config.rootfs.diff_ids ?? [] },
    Metadata: { LastTagTime: new Date(image.pulledAt).toISOString() },
    History: config.history ?? [],
  };
}

/** "NAME@DIGEST" of each name, once. */
export function repoDigests({ references, referenceDigests }: Image): string[] {
  const names = references.map((text, at) => `${nameOf(parseReference(text))}@${referenceDigests[at] ?? ""}`);
  return [...new Set(names)];
}

/** The config as it was published: the index keeps only what a container is made from. */
function configDocument(bytes: Uint8Array | undefined): Record<string, unknown> {
  if (bytes === undefined) return {};
  // Checked against its digest, and by the schema when it came.
  return { ...JSON.parse(Buffer.from(bytes).toString("utf8")) };
}

/** How an image was made, the last step first. An image that does not tell its history has a step a layer. */
export function imageHistory(context: Context, name: string): ImageStep[] {
  const store = imageStore(context);
  const { id, config, layers, createdAt } = store.get(name);
  const told = config.history ?? [];
  const steps = told.length > 0 ? told : layers.map(() => ({ created: config.created }));
  let layer = 0;
  const listed = steps.map((step, index): ImageStep => {
    const empty = "empty_layer" in step && step.empty_layer === true;
    const made = empty ? undefined : layers[layer++];
    const built = Date.parse(step.created ?? "");
    const isLast = index === steps.length - 1;
    return {
      id: isLast ? id : undefined,
      createdAt: Number.isNaN(built) ? (isLast ? createdAt : undefined) : built,
      createdBy: "created_by" in step ? (step.created_by ?? "") : "",
      comment: "comment" in step ? (step.comment ?? "") : "",
      sizeBytes: made === undefined ? 0 : (store.layer(made)?.sizeBytes ?? 0),
    };
  });
  return listed.reverse();
}
