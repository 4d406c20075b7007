/** The media types of layers in both families, by how they are compressed. */
import type { LayerCompression } from "./compress.ts";
import type { Descriptor } from "./manifest.ts";
import { DOCKER_LAYER, OCI_LAYER } from "./media-type.ts";

/** Whose manifests and types: the image specification's, or docker's own of before. */
export type ManifestFormat = "oci" | "docker";

const suffixes = {
  oci: { none: "", gzip: "+gzip", zstd: "+zstd" },
  docker: { none: "", gzip: ".gzip", zstd: ".zstd" },
} as const satisfies Record<ManifestFormat, Record<LayerCompression | "none", string>>;

const foreignTypes = {
  oci: "application/vnd.oci.image.layer.nondistributable.v1.tar",
  docker: "application/vnd.docker.image.rootfs.foreign.diff.tar",
} as const;

/** The type of an ordinary layer. */
export function layerType(format: ManifestFormat, compression: LayerCompression | "none"): string {
  return (format === "docker" ? DOCKER_LAYER : OCI_LAYER) + suffixes[format][compression];
}

/** The same layer in a manifest of that format. */
export function withFormat(layer: Descriptor, format: ManifestFormat): Descriptor {
  const compression = compressionOf(layer.mediaType);
  const mediaType = isForeignType(layer.mediaType)
    ? foreignTypes[format] + suffixes[format][compression]
    : layerType(format, compression);
  return { ...layer, mediaType };
}

/** How a layer of this type is compressed. */
export function compressionOf(mediaType: string): LayerCompression | "none" {
  return mediaType.endsWith("zstd") ? "zstd" : mediaType.endsWith("gzip") ? "gzip" : "none";
}

/** Whether others may only get it from where it came from (image-spec, "Non-Distributable Layers"). */
export function isForeignType(mediaType: string): boolean {
  return mediaType.startsWith(foreignTypes.oci) || mediaType.startsWith(foreignTypes.docker);
}
