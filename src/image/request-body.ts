/** Bodies of requests that are too large for memory: opened for each attempt anew, sent with their length. */

export interface RequestBody {
  readonly sizeBytes: number;
  open(): ReadableStream<Uint8Array>;
}

/** What the request takes of a body; `onPiece` is told each time that a piece of it leaves. */
export function streamedBody(
  { sizeBytes, open }: RequestBody,
  headers: Readonly<Record<string, string>> | undefined,
  onPiece: () => void,
): { headers: Record<string, string>; body: ReadableStream<Uint8Array> } {
  const told = new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, stream) {
      onPiece();
      stream.enqueue(piece);
    },
  });
  // Without it the body would be sent in chunks, which object stores refuse.
  return { headers: { ...headers, "content-length": String(sizeBytes) }, body: open().pipeThrough(told) };
}

/** A small body, in one piece. */
export function bytesBody(bytes: Uint8Array): RequestBody {
  return { sizeBytes: bytes.length, open: () => new Blob([bytes.slice()]).stream() };
}
