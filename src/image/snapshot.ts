/** Snapshots: layers stacked by overlayfs into one detached mount that no path leads to. */
import { CurruntError } from "../base/error.ts";
import type { Fd } from "../sys/fd.ts";

export interface SnapshotOptions {
  /** Layer directories, top first; at least one. */
  readonly lowers: readonly string[];
  /** Where changes go, with `work` beside it on the same file system, both existing. Without: read-only. */
  readonly upper?: string;
  readonly work?: string;
  /** Never sync: for an upper that is thrown away. After a crash such an upper cannot be mounted again. */
  readonly volatile?: boolean;
  /** A read-only mount of a snapshot with an upper. */
  readonly readonly?: boolean;
}

/** Mounts the overlay detached: it lives as long as the descriptor or a place it is moved to. Leaves nothing in the host's mount table. */
export function mountSnapshot(_options: SnapshotOptions): Fd {
  throw new CurruntError("unsupported", "mount snapshot: not there yet");
}

export interface HostSnapshotOptions {
  /** A directory of the host, "/" included. */
  readonly directory: string;
  /** Holds the upper and work directories, one pair a mount that is covered; must not lie on an overlay or a network file system. */
  readonly base: string;
  readonly volatile?: boolean;
}

export interface HostSnapshot {
  /** The overlay of `directory`, detached. */
  readonly root: Fd;
  /** Overlays of the real file systems mounted below, to be attached at `path` within the root, in this order. */
  readonly mounts: readonly { readonly path: string; readonly mount: Fd }[];
  /** Mounts below that are not covered and not seen inside: path and reason. */
  readonly uncovered: readonly { readonly path: string; readonly reason: string }[];
}

/** A throw-away view of a host directory and the real file systems mounted below it. */
export function mountHostSnapshot(_options: HostSnapshotOptions): HostSnapshot {
  throw new CurruntError("unsupported", "mount host snapshot: not there yet");
}
