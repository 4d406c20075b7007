/** What a push tells while it runs: typed events. Layers are named by their diffIDs. */

export type PushEvent =
  /** The registry has the layer already, or took it from a repository next door. */
  | { readonly type: "layer-exists"; readonly digest: string }
  | { readonly type: "layer-compress"; readonly digest: string }
  /** `doneBytes` of the compressed layer are sent; goes back when something must be sent again. */
  | {
      readonly type: "layer-progress";
      readonly digest: string;
      readonly doneBytes: number;
      readonly totalBytes: number;
    }
  | { readonly type: "layer-done"; readonly digest: string }
  | { readonly type: "warning"; readonly message: string }
  /** The image has its name at the registry. */
  | {
      readonly type: "done";
      readonly reference: string;
      readonly digest: string;
      readonly durationMs: number;
    };

export type PushListener = (event: PushEvent) => void;
