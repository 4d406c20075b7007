/** What a pull tells while it runs: typed events, one stream a pull. */

/** A layer's download runs from "layer-start" to "layer-done"; every other layer is "layer-exists". */
export type PullEvent =
  | {
      /** The reference is known to the registry, the platform is chosen; totals are final. */
      readonly type: "resolved";
      /** The whole reference, "docker.io/library/busybox:latest". */
      readonly reference: string;
      /** Digest of what the reference names: an index, or the manifest itself. */
      readonly digest: string;
      readonly layers: readonly LayerTotal[];
      /** Compressed bytes of all layers. */
      readonly totalBytes: number;
    }
  /** Nothing to transfer: the image is here already. The only event besides "done" then. */
  | { readonly type: "up-to-date"; readonly reference: string; readonly digest: string }
  | { readonly type: "layer-exists"; readonly digest: string }
  /** Another process is at this layer: waiting for it. */
  | { readonly type: "layer-wait"; readonly digest: string }
  | { readonly type: "layer-start"; readonly digest: string; readonly totalBytes: number | undefined }
  /** Goes on after `keptBytes` compressed bytes, which an earlier pull left. */
  | { readonly type: "layer-resume"; readonly digest: string; readonly keptBytes: number }
  /** `doneBytes` compressed bytes have arrived; goes back to 0 when a transfer starts anew. */
  | { readonly type: "layer-progress"; readonly digest: string; readonly doneBytes: number }
  /** `unpackedBytes` bytes of the decompressed archive are through. */
  | { readonly type: "layer-unpack"; readonly digest: string; readonly unpackedBytes: number }
  | { readonly type: "layer-done"; readonly digest: string; readonly diffID: string }
  /** Something to tell once: an HTTP Warning, a retry, an anonymous second attempt. */
  | { readonly type: "warning"; readonly message: string }
  | {
      readonly type: "done";
      readonly reference: string;
      readonly digest: string;
      readonly imageID: string;
      /** Bytes that came over the network for layers. */
      readonly transferredBytes: number;
      readonly durationMs: number;
    };

export interface LayerTotal {
  /** Digest of the layer's blob: the key of all its events. */
  readonly digest: string;
  /** Compressed size in bytes. */
  readonly sizeBytes: number;
}

export type PullListener = (event: PullEvent) => void;
