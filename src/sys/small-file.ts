/** Reads files of the kernel's and other small ones at once, without loading node:fs, which takes milliseconds. */
import { O_RDONLY } from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { decodeText } from "../../ffi/text.ts";
import { check } from "./error.ts";
import { openat } from "./file.ts";

/** The text of the file at `path`, byte for byte (`decodeText`). Files of /proc have no size: it is read to its end. */
export function readSmallFile(path: string): string {
  using file = openat(undefined, path, O_RDONLY);
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.allocUnsafe(4096);
    const length = check(libc.read(file.number, chunk, chunk.length), "read", path);
    if (length === 0) return decodeText(Buffer.concat(chunks));
    chunks.push(chunk.subarray(0, length));
  }
}
