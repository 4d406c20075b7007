/** What a stored layer is called: after its content alone, or after that and the layers that it was completed from. */
import type { UnpackedLayer } from "./apply.ts";
import { digestOf } from "./digest.ts";

/**
 * Whether completing the layer (`finishLayer`) puts something into it that only the layers below say: over others it is
 * another layer. The root's own owner and mode do not count: most layers leave them out, and they are 0:0 and 0755.
 */
export function dependsOnLowers({ implicitDirectories, foreignLinks }: UnpackedLayer): boolean {
  return foreignLinks.length > 0 || implicitDirectories.some((path) => path.length > 0);
}

/** The ID of such a layer. `diffIDs`: those of the layers below and its own, bottom first. Never equal to a diffID. */
export function completedLayerID(diffIDs: readonly string[]): string {
  return digestOf(`completed ${diffIDs.join(" ")}`);
}
