/** Looking for damage: `system check`. */
import type { Context } from "./context.ts";
import { imageStore } from "./image.ts";
import type { CheckOptions, Finding } from "./image-options.ts";

/** Checks images, layers and blobs against the index; containers were put right when the context was opened. */
export async function checkStore(context: Context, { repair, onProgress }: CheckOptions): Promise<Finding[]> {
  const { checkImages } = await import("../image/check.ts");
  const store = imageStore(context);
  const found = await checkImages(context.database, store, {
    repair,
    onProgress: onProgress ?? (() => undefined),
    // A mounted layer must not be taken away from below a program.
    busyLayers: () => new Set(context.containers.list("running").flatMap(({ record }) => record.layers)),
  });
  if (repair) store.collect();
  return found;
}
