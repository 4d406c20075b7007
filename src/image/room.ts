/** Whether an image fits on the disk, as far as that can be told before it is unpacked. */
import { CurruntError } from "../base/error.ts";
import { freeBytes } from "../sys/space.ts";
import type { LayerPlan } from "./layer-transfer.ts";
import type { ImageStore } from "./store.ts";

/** What gzip and zstd make of the files of most images. */
const USUAL_RATIO = 3;

/**
 * Throws when the layers that are missing would not even fit compressed; warns when they would not, unpacked as layers usually
 * are. What they really need is known when they are unpacked: those of random content need no more than their blobs.
 * True: there is also room for what has come of them, so that a pull that is cut short can go on.
 */
export function checkRoom(
  plans: readonly LayerPlan[],
  store: ImageStore,
  onWarning: (message: string) => void,
): boolean {
  const missing = new Map(
    plans
      .filter(({ diffID }) => diffID === undefined || !store.hasLayer(diffID))
      .map(({ descriptor }) => [descriptor.digest, Math.max(descriptor.size, 0)]),
  );
  const needed = [...missing.values()].reduce((sum, size) => sum + size, 0);
  const free = freeBytes(store.paths.staging);
  if (needed > free) {
    throw new CurruntError(
      "unavailable",
      `no space: the image needs more than ${megabytes(needed)}, and ${megabytes(free)} are free where "${store.paths.layers}" is`,
      { hint: "free some space, or move the data root to a bigger disk" },
    );
  }
  if (needed * USUAL_RATIO > free) {
    onWarning(
      `space may run out: layers of ${megabytes(needed)} need about ${megabytes(needed * USUAL_RATIO)} unpacked, and ${megabytes(free)} are free`,
    );
  }
  return needed * (USUAL_RATIO + 1) <= free;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
