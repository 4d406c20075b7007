/** Makes an image of a file system's archive. */
import type { Context } from "./context.ts";
import { imageStore } from "./image.ts";
import type { ImportOptions } from "./image-options.ts";
import type { PullWatch } from "./options.ts";

/** Resolves to the ID of the new image. */
export async function importToStore(
  context: Context,
  input: string,
  { reference, changes, message, platform, layerFormat }: ImportOptions,
  { onEvent, signal }: PullWatch,
): Promise<string> {
  const [{ importImage }, { applyChanges }, { parsePlatform }, { parseTarget }] = await Promise.all([
    import("../image/import.ts"),
    import("../image/config-change.ts"),
    import("../image/platform.ts"),
    import("../image/store.ts"),
  ]);
  const { id } = await importImage(input, {
    store: imageStore(context),
    reference: reference === undefined ? undefined : parseTarget(reference),
    settings: applyChanges({}, changes),
    message,
    platform: platform === undefined ? undefined : parsePlatform(platform),
    layerFormat,
    onProgress: onEvent,
    signal,
  });
  return id;
}
