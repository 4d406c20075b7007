/** The native decompressors behind node:zlib, driven with our own buffers: fails if a newer runtime has them no longer. */
import { expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { Inflater } from "../../../src/sys/inflate.ts";

for (const [kind, compress] of [
  ["gzip", gzipSync],
  ["zstd", zstdCompressSync],
] as const) {
  test(`Inflater decompresses ${kind} into small buffers, reused`, async () => {
    const text = Buffer.from(Array.from({ length: 5000 }, (_, i) => `${i * i},`).join(""));
    using inflater = new Inflater(kind);
    const output = Buffer.alloc(1000);
    const parts: Buffer[] = [];
    for (let input: Uint8Array = compress(text), written = 1; input.length > 0 || written > 0; ) {
      const step = await inflater.step(input, output);
      input = input.subarray(step.read);
      written = step.written;
      parts.push(Buffer.from(output.subarray(0, written)));
    }
    expect(Buffer.concat(parts).equals(text)).toBe(true);
  });
}

test("Inflater tells damaged data from good, and a cut gzip stream from a whole one", async () => {
  const output = Buffer.alloc(1000);
  for (const kind of ["gzip", "zstd"] as const) {
    using inflater = new Inflater(kind);
    await expect(inflater.step(Buffer.from("no compressed data at all"), output)).rejects.toThrow();
  }
  for (const [cut, fails] of [
    [0, false],
    [1, true],
  ] as const) {
    using inflater = new Inflater("gzip");
    const bytes = gzipSync("text");
    await inflater.step(bytes.subarray(0, bytes.length - cut), output);
    const end = inflater.step(new Uint8Array(0), output, true);
    if (fails) await expect(end).rejects.toThrow("unexpected end of file");
    else expect(await end).toEqual({ read: 0, written: 0 });
  }
});
