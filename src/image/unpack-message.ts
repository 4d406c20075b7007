/** What `unpack.ts` and its worker say to each other. */
import type { ErrorKind } from "../base/error.ts";
import { CurruntError, hintOf } from "../base/error.ts";
import type { UnpackedLayer, UnpackLimits, UnpackProgress } from "./apply.ts";
import type { Algorithm } from "./digest.ts";
import type { OverlayNamespace } from "./layer-attribute.ts";
import type { LayerFormat } from "./layer-target.ts";

/** Begins a layer. */
export interface StartMessage {
  readonly kind: "start";
  readonly staging: string;
  readonly split: string | undefined;
  readonly format: LayerFormat | undefined;
  readonly algorithm: Algorithm | undefined;
  /** The stream that inflates the blob, as `GunzipInput` tells it; undefined: the blob comes in chunks. */
  readonly gunzip: number | undefined;
  readonly limits: Partial<UnpackLimits> | undefined;
  readonly namespace: OverlayNamespace | undefined;
  /** Whether "gaps" will be answered. */
  readonly fillsGaps: boolean;
}

/** A message about the layer that `job` numbers: a worker may have several. */
export interface ToWorker {
  readonly job: number;
  readonly message:
    | StartMessage
    | { readonly kind: "chunk"; readonly bytes: Uint8Array }
    /** The answer to "hungry". */
    | { readonly kind: "fed" }
    /** The answer to "gaps": the layers below, top first. */
    | { readonly kind: "lowers"; readonly paths: readonly string[] }
    | { readonly kind: "end" }
    | { readonly kind: "abort" };
}

export type WorkerWord =
  /** `bytes` of the stream were taken: as many more may be sent. */
  | { readonly kind: "taken"; readonly bytes: number }
  /** The stream that inflates has room for input that was held up. */
  | { readonly kind: "room" }
  /** The stream that inflates has used up its input. */
  | { readonly kind: "hungry" }
  /** The archive leaves what only the layers below can give. */
  | { readonly kind: "gaps" }
  | { readonly kind: "progress"; readonly progress: UnpackProgress }
  | { readonly kind: "done"; readonly layer: UnpackedLayer }
  | { readonly kind: "failed"; readonly error: readonly SentError[] };

export type FromWorker = WorkerWord & { readonly job: number };

/** An error chain, outermost first: error objects lose their fields on the way between threads. */
export interface SentError {
  readonly kind: ErrorKind;
  readonly message: string;
  readonly hint: string | undefined;
}

export function packError(error: unknown): SentError[] {
  const chain: SentError[] = [];
  for (let link = error; link !== undefined && chain.length < 32; ) {
    const failure: unknown = link instanceof SuppressedError ? link.suppressed : link;
    const isError = failure instanceof Error;
    chain.push({
      kind: failure instanceof CurruntError ? failure.kind : "internal",
      message: isError ? failure.message : String(failure),
      hint: hintOf(failure),
    });
    link = isError ? failure.cause : undefined;
  }
  return chain;
}

export function unpackError(chain: readonly SentError[]): CurruntError {
  return (
    chain.reduceRight(
      (cause: CurruntError | undefined, { kind, message, hint }) =>
        new CurruntError(kind, message, { hint, cause }),
      undefined,
    ) ?? new CurruntError("internal", "unknown failure of the unpacking worker")
  );
}
