/** Addresses of arrays, for struct fields that point; and C strings. */
import type { Pointer } from "bun:ffi";
import { ptr, toArrayBuffer } from "bun:ffi";
import { encodeText } from "./text.ts";

/** The address of `bytes`. It holds only while `bytes` is alive: `struct` keeps the arrays it points to. */
export function addressOf(bytes: Uint8Array): number {
  return ptr(bytes);
}

/** The memory at an address of this process. It must stay what it is as long as anybody has these bytes. */
export function bytesAt(address: number, length: number): Uint8Array {
  return new Uint8Array(toArrayBuffer(address as Pointer, 0, length));
}

/** The bytes of `text` (`encodeText`) with a final NUL. Refuses a NUL inside: the kernel would see a shorter string. */
export function cstring(text: string): Uint8Array {
  if (text.includes("\0"))
    throw new Error(`cannot pass ${JSON.stringify(text)} to the kernel: it contains a NUL character`);
  return encodeText(`${text}\0`);
}
