/** What is asked about the files of containers: copies, changes, images of them. */
import type { ConfigChange } from "../image/config-change.ts";
import type { LayerFormatChoice } from "../image/layer-format.ts";

/** One end of a copy. */
export type CopyEnd =
  | { readonly kind: "container"; readonly container: string; readonly path: string }
  | { readonly kind: "host"; readonly path: string }
  /** An archive on standard input or output. */
  | { readonly kind: "stream" };

/** What `cp` can ask. */
export interface CopyOptions {
  /** Keeps owners, set-id bits and attributes; without it all belongs to the caller, in a container to root. */
  readonly archive: boolean;
  /** Copies what a link leads to, where the source is one. */
  readonly follow: boolean;
  readonly warn: (message: string) => void;
}

/** One instruction of `commit -change`. */
export type ImageChange = ConfigChange;

/** One line of `diff`. */
export interface FileChange {
  /** Added, changed, deleted. */
  readonly kind: "A" | "C" | "D";
  /** Absolute, in the container. */
  readonly path: string;
}

/** What `commit` can ask. */
export interface CommitOptions {
  /** The name of the new image; absent: it gets none. */
  readonly reference?: string;
  readonly changes: readonly ImageChange[];
  /** Has the container's programs stand still meanwhile. */
  readonly pause: boolean;
  readonly author?: string;
  readonly message?: string;
  /** How the new layer is stored; absent: as directories. */
  readonly layerFormat?: LayerFormatChoice;
}
