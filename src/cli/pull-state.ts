/** What is known of each layer of a pull, kept up to date by its events. */
import type { PullProgress } from "../engine/options.ts";

/** A layer as the progress shows it. */
export interface LayerState {
  readonly phase: "waiting" | "downloading" | "unpacking" | "done" | "exists";
  /** Compressed bytes that have arrived. */
  readonly doneBytes: number;
  /** Compressed bytes in all; 0 when unknown. */
  readonly totalBytes: number;
  /** Bytes of the decompressed archive that are through. */
  readonly unpackedBytes: number;
}

const fresh: LayerState = { phase: "waiting", doneBytes: 0, totalBytes: 0, unpackedBytes: 0 };

/** Brings `layers`, by digest and in the order of the image, up to `event`. */
export function applyEvent(layers: Map<string, LayerState>, event: PullProgress): void {
  if (event.type === "resolved") {
    for (const { digest, sizeBytes } of event.layers) layers.set(digest, { ...fresh, totalBytes: sizeBytes });
    return;
  }
  if (!event.type.startsWith("layer-") || !("digest" in event)) return;
  const before = layers.get(event.digest) ?? fresh;
  layers.set(event.digest, { ...before, ...changeOf(event, before) });
}

function changeOf(event: PullProgress, before: LayerState): Partial<LayerState> {
  switch (event.type) {
    case "layer-exists":
      return { phase: "exists", doneBytes: before.totalBytes };
    case "layer-wait":
      return { phase: "waiting" };
    case "layer-start":
      return { phase: "downloading", doneBytes: 0, totalBytes: event.totalBytes ?? before.totalBytes };
    case "layer-resume":
      return { doneBytes: event.keptBytes };
    case "layer-progress":
      // All has come in: what is left to wait for is the unpacking.
      return {
        phase: before.totalBytes > 0 && event.doneBytes >= before.totalBytes ? "unpacking" : "downloading",
        doneBytes: event.doneBytes,
      };
    case "layer-unpack":
      return { unpackedBytes: event.unpackedBytes };
    case "layer-done":
      return { phase: "done", doneBytes: before.totalBytes };
    default:
      return {};
  }
}
