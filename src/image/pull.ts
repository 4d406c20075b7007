/** Pulling: a reference becomes an image on disk, its layers fetched, checked and unpacked at once. */
import type { Platform } from "./platform.ts";
import type { PullListener } from "./progress.ts";
import type { Image, ImageStore } from "./store.ts";

/** A user name and a password or token for a registry. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

export interface PullOptions {
  readonly store: ImageStore;
  /** Absent: this machine's. */
  readonly platform?: Platform | undefined;
  /** Given by hand; absent: what docker's and podman's credential files say. */
  readonly login?: Login | undefined;
  readonly onProgress?: PullListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Brings the image that `reference` names into the store and gives it that name. When it is here already, only the
 * manifest is asked for. Throws "not-found", "denied", "unavailable", "invalid" or "unsupported" with a hint; then
 * nothing is left behind.
 */
export async function pullImage(reference: string, options: PullOptions): Promise<Image> {
  throw new Error(`not yet: ${reference} ${options.store.paths.layers}`);
}
