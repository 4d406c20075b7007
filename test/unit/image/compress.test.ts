/** Compressed layers: what comes out again is what went in, and the same always becomes the same. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { O_RDWR, O_TMPFILE } from "../../../ffi/kernel.ts";
import { compressInto } from "../../../src/image/compress.ts";
import { openat } from "../../../src/sys/file.ts";

function* pieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  const buffer = new Uint8Array(size);
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    buffer.set(piece);
    yield buffer.subarray(0, piece.length);
    // Each piece is valid until the next only.
    buffer.fill(0);
  }
}

async function compress(bytes: Uint8Array, compression: "gzip" | "zstd", size = 100_003) {
  using file = openat(undefined, "/tmp", O_RDWR | O_TMPFILE, 0o600);
  const { digest, sizeBytes } = await compressInto(file, pieces(bytes, size), compression);
  const written = readFileSync(`/proc/self/fd/${file.number}`);
  expect(written.length).toBe(sizeBytes);
  expect(digest).toBe(`sha256:${new Bun.CryptoHasher("sha256").update(written).digest("hex")}`);
  return written;
}

/** Several blocks, and a bit. */
const content = Buffer.from(
  Array.from({ length: 200_000 }, (_, i) => `line ${i} of ${(i * 7919) % 65_521}, which is some text\n`).join(
    "",
  ),
);

test.each([
  ["gzip", gunzipSync],
  ["zstd", zstdDecompressSync],
] as const)(
  "compressInto() with %s gives the content back, in members of one size whatever the pieces",
  async (compression, decompress) => {
    const [first, second] = [
      await compress(content, compression),
      await compress(content, compression, 4099),
    ];
    expect(decompress(first).equals(content)).toBe(true);
    expect(first.length).toBeLessThan(content.length / 2);
    expect(second.equals(first)).toBe(true);
    expect(decompress(await compress(new Uint8Array(), compression)).length).toBe(0);
  },
);

test("compressInto() ends with the failure of its source", async () => {
  function* failing(): Generator<Uint8Array> {
    yield content;
    throw new Error("the disk is gone");
  }
  using file = openat(undefined, "/tmp", O_RDWR | O_TMPFILE, 0o600);
  expect(compressInto(file, failing(), "gzip")).rejects.toThrow("the disk is gone");
});
