/** Frees the memory of a piece that is used up: the collector would let tens of megabytes gather, and each new page costs more than an old one. */
export function release({ buffer, byteLength }: Uint8Array): void {
  // Others may have the rest of a larger one.
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
