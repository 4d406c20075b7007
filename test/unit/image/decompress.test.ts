/** Decompression by magic number: members, frames, pieces of every size, and whatever is cut or damaged. */
import { describe, expect, test } from "bun:test";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { explain } from "../../../src/base/error.ts";
import { decompress, sniffCompression } from "../../../src/image/decompress.ts";

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function unpack(bytes: Uint8Array, size = Math.max(1, bytes.length)): Promise<Buffer> {
  const parts: Buffer[] = [];
  await decompress(pieces(bytes, size), (part) => void parts.push(Buffer.from(part)));
  return Buffer.concat(parts);
}

async function failure(bytes: Uint8Array, size?: number): Promise<string> {
  try {
    await unpack(bytes, size);
  } catch (error) {
    return explain(error);
  }
  return "no failure";
}

// Not compressible to almost nothing, larger than the buffers.
const text = Buffer.concat(
  Array.from({ length: 120_000 }, (_, i) => Buffer.from(`line ${i} ${(i * 7919) % 104729}\n`)),
);
const skippable = Buffer.concat([Buffer.from([0x5f, 0x2a, 0x4d, 0x18, 5, 0, 0, 0]), Buffer.from("hello")]);

describe("sniffCompression()", () => {
  test("tells gzip, zstd, skippable zstd frames and plain data", () => {
    expect(sniffCompression(gzipSync("x"))).toBe("gzip");
    expect(sniffCompression(zstdCompressSync("x"))).toBe("zstd");
    for (let low = 0x50; low <= 0x5f; low++)
      expect(sniffCompression(Buffer.from([low, 0x2a, 0x4d, 0x18]))).toBe("zstd");
    expect(sniffCompression(Buffer.from("BZh9 is a file's name"))).toBe("none");
    expect(sniffCompression(Buffer.alloc(0))).toBe("none");
    expect(sniffCompression(Buffer.from([0x1f]))).toBe("none");
  });

  test("refuses other compressions by name, with a remedy", () => {
    const kinds = {
      bzip2: Buffer.from("BZh91AY&SY...", "latin1"),
      xz: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0]),
      lz4: Buffer.from([0x04, 0x22, 0x4d, 0x18]),
    };
    for (const [name, bytes] of Object.entries(kinds)) {
      expect(() => sniffCompression(bytes)).toThrow(`a layer compressed with ${name} is not supported`);
    }
  });
});

describe("decompress()", () => {
  test("takes gzip, zstd and plain data in pieces of every size", async () => {
    for (const bytes of [gzipSync(text), zstdCompressSync(text), text]) {
      for (const size of [bytes.length, 65536, 1000])
        expect((await unpack(bytes, size)).equals(text)).toBe(true);
    }
    const short = Buffer.from("short");
    for (const bytes of [gzipSync(short), zstdCompressSync(short), short])
      expect((await unpack(bytes, 1)).toString()).toBe("short");
  });

  test("takes output that is much larger than its input", async () => {
    const zeros = Buffer.alloc(20 << 20);
    for (const bytes of [gzipSync(zeros), zstdCompressSync(zeros)])
      expect((await unpack(bytes)).equals(zeros)).toBe(true);
  });

  test("goes on over gzip members, and the zeros that pad a file", async () => {
    const two = Buffer.concat([gzipSync("one,"), gzipSync("two")]);
    for (const size of [two.length, 1, 25]) {
      expect((await unpack(two, size)).toString()).toBe("one,two");
      expect((await unpack(Buffer.concat([two, Buffer.alloc(700)]), size)).toString()).toBe("one,two");
    }
  });

  test("goes on over zstd frames and skips skippable ones", async () => {
    const bytes = Buffer.concat([
      skippable,
      zstdCompressSync("one,"),
      skippable,
      zstdCompressSync("two"),
      skippable,
    ]);
    for (const size of [bytes.length, 1, 10]) expect((await unpack(bytes, size)).toString()).toBe("one,two");
  });

  test("gives nothing for an empty blob", async () => {
    expect(await unpack(Buffer.alloc(0))).toHaveLength(0);
    expect(await unpack(gzipSync(""))).toHaveLength(0);
    expect(await unpack(zstdCompressSync(""))).toHaveLength(0);
  });

  test("refuses gzip that is cut short anywhere", async () => {
    const bytes = gzipSync("some text that is long enough to be cut in many places");
    for (let end = 2; end < bytes.length; end++) {
      expect(await failure(bytes.subarray(0, end), end % 2 === 0 ? 1 : undefined)).toContain(
        "unexpected end of file",
      );
    }
    const second = Buffer.concat([bytes, bytes.subarray(0, 5)]);
    expect(await failure(second)).toContain("unexpected end of file");
  });

  test("refuses zstd that is cut short anywhere", async () => {
    const bytes = zstdCompressSync(text.subarray(0, 300_000));
    for (const end of [4, 5, 6, 9, 10, 100, bytes.length - 5, bytes.length - 1]) {
      expect(await failure(bytes.subarray(0, end))).toContain("unexpected end of the compressed data");
      expect(await failure(Buffer.concat([bytes, skippable, bytes.subarray(0, end)]))).toContain(
        "unexpected end",
      );
    }
    expect(await failure(Buffer.concat([bytes, skippable.subarray(0, 10)]))).toContain("unexpected end");
  });

  test("refuses damaged data", async () => {
    const gzip = gzipSync(text);
    gzip[gzip.length >> 1] = (gzip[gzip.length >> 1] ?? 0) ^ 0xff;
    expect(await failure(gzip)).toStartWith("decompress gzip: ");
    const checksum = gzipSync("x");
    checksum[checksum.length - 6] = (checksum[checksum.length - 6] ?? 0) ^ 1;
    expect(await failure(checksum)).toContain("incorrect data check");
    // Without its checksum the frame would not tell; the diff ID does.
    const zstd = zstdCompressSync(text, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
    zstd[zstd.length >> 1] = (zstd[zstd.length >> 1] ?? 0) ^ 0xff;
    expect(await failure(zstd)).not.toBe("no failure");
  });

  test("refuses garbage after the data", async () => {
    expect(await failure(Buffer.concat([gzipSync("x"), Buffer.from("garbage")]))).toStartWith(
      "decompress gzip",
    );
    expect(await failure(Buffer.concat([zstdCompressSync("x"), Buffer.from("garbage")]))).toContain(
      "is not another",
    );
    expect(
      await failure(Buffer.concat([gzipSync("x"), Buffer.alloc(5), Buffer.from("garbage")])),
    ).toStartWith("decompress gzip");
  });

  test("stops when the sink throws, and when the source does", async () => {
    const broken = decompress(pieces(gzipSync(text), 5000), () => {
      throw new Error("no more");
    });
    await expect(broken).rejects.toThrow("no more");
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield gzipSync(text).subarray(0, 1000);
      throw new Error("connection lost");
    }
    await expect(decompress(failing(), () => undefined)).rejects.toThrow("connection lost");
  });
});
