/** The native decompressor behind node:zlib, driven with our own buffers: fails if a newer runtime has it no longer. */
import { expect, test } from "bun:test";
import { zstdCompressSync } from "node:zlib";
import { ZstdDecompressor } from "../../../src/sys/zstd.ts";

test("ZstdDecompressor decompresses into small buffers, reused", async () => {
  const text = Buffer.from(Array.from({ length: 5000 }, (_, i) => `${i * i},`).join(""));
  using decompressor = new ZstdDecompressor();
  const output = Buffer.alloc(1000);
  const parts: Buffer[] = [];
  for (let input: Uint8Array = zstdCompressSync(text), written = 1; input.length > 0 || written > 0; ) {
    const step = await decompressor.step(input, output);
    input = input.subarray(step.read);
    written = step.written;
    parts.push(Buffer.from(output.subarray(0, written)));
  }
  expect(Buffer.concat(parts).equals(text)).toBe(true);
});

test("ZstdDecompressor refuses what is no zstd", async () => {
  using decompressor = new ZstdDecompressor();
  const step = decompressor.step(Buffer.from("no compressed data at all"), Buffer.alloc(1000));
  await expect(step).rejects.toThrow();
});
