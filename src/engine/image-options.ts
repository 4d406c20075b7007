/** What operations on the image store take and give: everything is parsed, as in options.ts. */

import type { LayerFormatChoice } from "../image/layer-format.ts";
import type { PushEvent } from "../image/push-progress.ts";
import type { ImageChange } from "./file-options.ts";
import type { RegistryAccess } from "./options.ts";

/** An image that is complete on disk. */
export interface ImageSummary {
  /** "sha256:…": digest of its config. */
  readonly id: string;
  /** Whole references that name it, "docker.io/library/busybox:latest", sorted. */
  readonly references: readonly string[];
  /** What their registries call them, in the same order: an index's digest, or the manifest's. */
  readonly referenceDigests: readonly string[];
  /** Digest of the manifest that it was pulled by. */
  readonly manifestDigest: string;
  /** "linux/arm64/v8". */
  readonly platform: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Bytes of all layers, unpacked. */
  readonly sizeBytes: number;
  readonly labels: Readonly<Record<string, string>>;
  /** How many containers use it. */
  readonly containers: number;
}

/** One step of an image's making. */
export interface ImageStep {
  /** Of the image that ended with it; undefined for all steps but the last, whose images nobody has. */
  readonly id: string | undefined;
  /** Milliseconds since 1970; undefined when it does not say. */
  readonly createdAt: number | undefined;
  readonly createdBy: string;
  readonly comment: string;
  /** Bytes of the layer that it made, unpacked. */
  readonly sizeBytes: number;
}

/** One condition of `images -filter`. Several names are alternatives; all other conditions have to hold together. */
export type ImageFilter =
  /** A name or a pattern of one: `*` and `?` within a part, `**` across parts. */
  | { readonly kind: "reference"; readonly pattern: string }
  /** Whether it has no name. */
  | { readonly kind: "dangling"; readonly value: boolean }
  /** Whether it has the label, with this value where one is given. */
  | {
      readonly kind: "label";
      readonly name: string;
      readonly value: string | undefined;
      readonly present: boolean;
    }
  /** Built before or after another image, or a time in milliseconds since 1970. */
  | { readonly kind: "before" | "since"; readonly than: string | number };

/** What `rmi` can ask. */
export interface RemoveImageOptions {
  /** Removes an image that has several names or that a container uses. */
  readonly force: boolean;
  /** A missing one is no error. */
  readonly ignore: boolean;
}

/** What `save` can ask. */
export interface SaveOptions {
  /** docker's archive has an OCI layout in it too. */
  readonly format: "docker-archive" | "oci-archive" | "oci-dir";
  /** A file or directory, which is there only when it is complete; "-" is standard output. */
  readonly output: string;
  readonly signal?: AbortSignal;
}

/** What `prune` can ask. */
export interface PruneOptions {
  readonly what: {
    readonly containers: boolean;
    /** All that no container uses, or of those the ones without a name; absent: none. */
    readonly images?: "all" | "dangling";
    readonly volumes: boolean;
    /** What pulls that were cut short have left for the next one. */
    readonly unfinished: boolean;
  };
  /** Of the kinds "label" and "before" a time; volumes have neither. */
  readonly filters: readonly ImageFilter[];
  /** Removes nothing. */
  readonly dryRun: boolean;
}

/** What was removed, or would be. */
export interface Pruned {
  readonly containers: readonly string[];
  readonly images: readonly { readonly id: string; readonly references: readonly string[] }[];
  readonly volumes: readonly string[];
  readonly reclaimedBytes: number;
}

/** What there is of one kind, and what it takes. */
export interface Usage {
  readonly total: number;
  /** Containers that run; images and volumes that a container uses. */
  readonly active: number;
  readonly sizeBytes: number;
  /** What `prune` could give back. */
  readonly reclaimableBytes: number;
}

/** What the disk is used for. */
export interface DiskUsage {
  readonly images: Usage;
  /** Bytes of an image's layers that other images have as well, by ID. */
  readonly sharedBytes: ReadonlyMap<string, number>;
  readonly containers: Usage;
  /** Bytes of a container's own files and log, by ID. */
  readonly containerBytes: ReadonlyMap<string, number>;
  /** What pulls that were cut short have left for the next one. */
  readonly unfinished: Usage;
  readonly volumes: Usage;
  readonly volumeList: readonly VolumeUsage[];
}

/** An anonymous volume. */
export interface VolumeUsage {
  readonly name: string;
  /** How many containers use it. */
  readonly links: number;
  readonly sizeBytes: number;
}

/** What `check` can ask. */
export interface CheckOptions {
  readonly repair: boolean;
  readonly onProgress?: (text: string) => void;
}

/** Something that is not as it should be. */
export interface Finding {
  /** "layer", "blob", "image" …, and its name. */
  readonly subject: string;
  readonly problem: string;
  /** What was done about it; undefined: nothing. */
  readonly repair: string | undefined;
}

/** What `import` can ask. */
export interface ImportOptions {
  /** The name of the new image; absent: it gets none. */
  readonly reference?: string;
  readonly changes: readonly ImageChange[];
  readonly message?: string;
  /** What the files are for; absent: this machine's. */
  readonly platform?: string;
  /** How the layer is stored; absent: as directories. */
  readonly layerFormat?: LayerFormatChoice;
}

/** What a push tells while it runs. */
export type PushProgress = PushEvent;

/** What `push` can ask. */
export interface PushOptions {
  /** Where to; absent: what the image is called. */
  readonly destination?: string;
  /** How the registry is to be spoken to, where the configuration does not say all. */
  readonly access?: RegistryAccess;
  /** Of layers that the registry does not have; given, none will do that is compressed otherwise. */
  readonly compression?: "gzip" | "zstd";
  /** Of the manifest; absent: the image's own. */
  readonly format?: "oci" | "docker";
}

/** How whoever pushes is told of it and can stop it. */
export interface PushWatch {
  readonly onEvent?: (event: PushProgress) => void;
  readonly signal?: AbortSignal;
}
