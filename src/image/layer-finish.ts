/** Completes an unpacked layer from the layers below it: directories it did not list, hard links to files that it does not have. */
import { CurruntError } from "../base/error.ts";
import type { UnpackedLayer } from "./apply.ts";

/**
 * Gives implicit directories the owner, mode, attributes and times that they have below, and makes links to files below as copies.
 * `lowers`: directories of the layers below, top first. Needed only when one of the two lists is not empty.
 */
export function finishLayer(
  _directory: string,
  _layer: Pick<UnpackedLayer, "implicitDirectories" | "foreignLinks">,
  _lowers: readonly string[],
): void {
  throw new CurruntError("unsupported", "finish layer: not there yet");
}
