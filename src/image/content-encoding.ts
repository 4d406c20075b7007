/** Bodies that a proxy compressed though it was asked not to, and bodies that are only called compressed. */
import { gunzipSync } from "node:zlib";
import type { Descriptor } from "./manifest.ts";
import { MAX_MANIFEST_BYTES } from "./manifest.ts";

/** A whole document, decoded if it really is compressed. */
export function decodeDocument(bytes: Uint8Array, encoding: string | null): Uint8Array {
  const compressed = isGzip(encoding) && bytes[0] === 0x1f && bytes[1] === 0x8b;
  return compressed ? gunzipSync(bytes, { maxOutputLength: MAX_MANIFEST_BYTES }) : bytes;
}

/**
 * Whether a blob's answer was compressed on the way. Some registries call a layer's own compression an encoding (moby#17595): then the
 * length is the blob's, and where none is told a blob that is compressed itself is not likely to have been compressed again.
 */
export function isBlobEncoded({ headers }: Response, { size, mediaType }: Descriptor): boolean {
  if (!isGzip(headers.get("content-encoding"))) return false;
  const range = /\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1];
  const length = range ?? headers.get("content-length");
  if (length === null || size < 0) return !/gzip|zstd/.test(mediaType);
  return Number(length) !== size;
}

/** The answer with its body as the blob is. Only for one from the first byte on. */
export function decodeBlob(response: Response): Response {
  const headers = new Headers(response.headers);
  for (const name of ["content-encoding", "content-length"]) headers.delete(name);
  const body = response.body?.pipeThrough(new DecompressionStream("gzip")) ?? null;
  return new Response(body, { status: response.status, headers });
}

function isGzip(encoding: string | null): boolean {
  return /^(?:x-)?gzip$/i.test(encoding ?? "");
}
