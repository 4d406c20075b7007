/** Media types of manifests, configs and layers, OCI's and docker's, and what we do with each. */

export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
export const DOCKER_SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws";
export const DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json";
export const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
export const OCI_LAYER = "application/vnd.oci.image.layer.v1.tar";
export const DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json";
export const DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar";

/**
 * Every manifest type by its full name: registries convert or refuse what is not literally listed (quay hands out a
 * generated schema 1 manifest to a client that names docker's types only).
 */
export const manifestTypes = [
  OCI_INDEX,
  OCI_MANIFEST,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  DOCKER_SCHEMA1_SIGNED,
  DOCKER_SCHEMA1,
] as const;
export type ManifestType = (typeof manifestTypes)[number];

const indexTypes: ReadonlySet<string> = new Set([OCI_INDEX, DOCKER_LIST]);
const imageManifestTypes: ReadonlySet<string> = new Set([OCI_MANIFEST, DOCKER_MANIFEST]);
const schema1Types: ReadonlySet<string> = new Set([DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED]);
const imageConfigTypes: ReadonlySet<string> = new Set([OCI_CONFIG, DOCKER_CONFIG]);
const layerPattern =
  /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar(?:\+gzip|\+zstd)?|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar(?:\.gzip|\.zstd)?)$/;

export function isIndexType(type: string): boolean {
  return indexTypes.has(type);
}

export function isImageManifestType(type: string): boolean {
  return imageManifestTypes.has(type);
}

export function isSchema1Type(type: string): boolean {
  return schema1Types.has(type);
}

export function isManifestType(type: string): type is ManifestType {
  return isIndexType(type) || isImageManifestType(type) || isSchema1Type(type);
}

/** True for the config of an image; artifacts (charts, modules, signatures) carry other types. */
export function isImageConfigType(type: string): boolean {
  return imageConfigTypes.has(type);
}

/** True for the tar archives that make a root file system, compressed or not. */
export function isLayerType(type: string): boolean {
  return layerPattern.test(type);
}

/** The type alone, lower case, without parameters such as a charset. */
export function bareType(contentType: string | null | undefined): string {
  return (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}
