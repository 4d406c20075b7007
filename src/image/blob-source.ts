/** Where blobs come from, and how many connections that may take. */
import type { Descriptor } from "./manifest.ts";
import type { Transport } from "./transport.ts";

/** What a blob is read from. */
export interface BlobSource {
  readonly transport: Transport;
  /**
   * A response that is from `offset` on (206), from the start (200), or says that there is nothing from there on (416). `end`: of what
   * is wanted, exclusive.
   */
  openBlob(descriptor: Descriptor, offset: number, end?: number): Promise<Response>;
  /** Connections that there may be. */
  readonly slots: ConnectionSlots;
  warn(message: string): void;
}

/** Connections that one pull may have for blobs, over all of its layers. */
export class ConnectionSlots {
  #free = 6;

  /** Those that are left. */
  get free(): number {
    return this.#free;
  }

  take(): void {
    this.#free--;
  }

  give(): void {
    this.#free++;
  }
}
