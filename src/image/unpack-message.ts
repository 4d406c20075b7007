/** What `unpack.ts` and its worker say to each other. */
import type { ErrorKind } from "../base/error.ts";
import { CurruntError, hintOf } from "../base/error.ts";
import type { UnpackedLayer, UnpackLimits, UnpackProgress } from "./apply.ts";
import type { Algorithm } from "./digest.ts";
import type { OverlayNamespace } from "./layer-attribute.ts";
import type { LayerFormat } from "./layer-target.ts";

export type ToWorker =
  | {
      readonly kind: "start";
      readonly staging: string;
      readonly split: string | undefined;
      readonly format: LayerFormat | undefined;
      readonly algorithm: Algorithm | undefined;
      readonly limits: Partial<UnpackLimits> | undefined;
      readonly namespace: OverlayNamespace | undefined;
      /** Whether "gaps" will be answered. */
      readonly fillsGaps: boolean;
    }
  | { readonly kind: "chunk"; readonly bytes: Uint8Array }
  /** The answer to "gaps": the layers below, top first. */
  | { readonly kind: "lowers"; readonly paths: readonly string[] }
  | { readonly kind: "end" }
  | { readonly kind: "abort" };

export type FromWorker =
  /** `bytes` of the stream were taken: as many more may be sent. */
  | { readonly kind: "taken"; readonly bytes: number }
  /** The archive leaves what only the layers below can give. */
  | { readonly kind: "gaps" }
  | { readonly kind: "progress"; readonly progress: UnpackProgress }
  | { readonly kind: "done"; readonly layer: UnpackedLayer }
  | { readonly kind: "failed"; readonly error: readonly SentError[] };

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
