/** Unpacking in a worker: the result, back-pressure, cancellation, failures that leave nothing, and the compiled executable. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { explain, hintOf } from "../../src/base/error.ts";
import type { UnpackOptions } from "../../src/image/unpack.ts";
import { unpackLayer } from "../../src/image/unpack.ts";
import { archive } from "../fixtures/archive.ts";
import { chunks, listTree, Scratch, streamFrom } from "../fixtures/layer.ts";
import { mustRun } from "../fixtures/process.ts";

const scratch = new Scratch();
afterAll(() => scratch[Symbol.dispose]());
let serial = 0;

function staging(): string {
  return join(scratch.path, `layer-${serial++}`);
}

function streamOf(bytes: Uint8Array, size?: number): ReadableStream<Uint8Array> {
  return streamFrom(chunks(bytes, size));
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
}

const noise = crypto.getRandomValues(new Uint8Array(65536));
const files = archive(
  ...Array.from({ length: 200 }, (_, i) => ({
    name: `d${i % 7}/f${i}`,
    data: noise.subarray(0, i * 300),
    mode: 0o640,
  })),
);

/** The error chain and hint of a layer that must fail; checks that nothing is left of it. */
async function failure(
  stream: ReadableStream<Uint8Array>,
  options: Partial<UnpackOptions> = {},
): Promise<string> {
  const path = staging();
  try {
    await unpackLayer(stream, { name: "sha256:abc", staging: path, ...options });
  } catch (error) {
    expect(existsSync(path)).toBe(false);
    return `${explain(error)}${hintOf(error) === undefined ? "" : ` (${hintOf(error)})`}`;
  }
  return "no failure";
}

describe("unpackLayer()", () => {
  for (const [kind, bytes] of [
    ["plain", files],
    ["gzip", gzipSync(files)],
    ["zstd", zstdCompressSync(files)],
  ] as const) {
    for (const [where, sizeBytes] of [
      ["a worker", undefined],
      ["this thread", 1],
    ] as const) {
      test(`unpacks ${kind} in ${where}`, async () => {
        const path = staging();
        const progress: number[] = [];
        const layer = await unpackLayer(streamOf(bytes, 10_000), {
          name: "x",
          staging: path,
          sizeBytes,
          onProgress: ({ uncompressedBytes }) => void progress.push(uncompressedBytes),
        });
        expect(layer).toMatchObject({ diffID: sha256(files), entries: 200, foreignLinks: [], warnings: [] });
        expect(layer.implicitDirectories.map((name) => Buffer.from(name).toString())).toEqual([
          "",
          "d0",
          "d1",
          "d2",
          "d3",
          "d4",
          "d5",
          "d6",
        ]);
        const tree = listTree(path);
        expect(tree.size).toBe(208);
        expect(tree.get("d3/f3")).toMatchObject({
          mode: "640",
          content: new Bun.CryptoHasher("sha256").update(noise.subarray(0, 900)).digest("hex"),
        });
        expect(progress.at(-1)).toBe(files.length);
      });
    }
  }

  test("unpacks many layers side by side, and one after the other", async () => {
    const bytes = gzipSync(files);
    const round = () =>
      Promise.all(
        Array.from({ length: 5 }, () => unpackLayer(streamOf(bytes), { name: "x", staging: staging() })),
      );
    const layers = [...(await round()), ...(await round())];
    expect(new Set(layers.map(({ diffID }) => diffID))).toEqual(new Set([sha256(files)]));
  });

  test("copies chunks that share their memory with others", async () => {
    const bytes = Buffer.from(files);
    async function* views(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 5000) yield bytes.subarray(at, at + 5000);
    }
    const layer = await unpackLayer(streamFrom(views()), { name: "x", staging: staging() });
    expect(layer.diffID).toBe(sha256(files));
    expect(bytes.equals(files)).toBe(true);
  });

  test("reads no faster than it writes", async () => {
    // 256 MiB that the reader would take at once, if it were let.
    const piece = 1 << 20;
    let produced = 0;
    let unpacked = 0;
    let mostAhead = 0;
    async function* source(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(archive({ name: "big", size: 255 * piece }).subarray(0, 512));
      for (let i = 0; i < 255; i++) {
        produced += piece;
        mostAhead = Math.max(mostAhead, produced - unpacked);
        yield new Uint8Array(piece);
      }
    }
    await unpackLayer(streamFrom(source()), {
      name: "x",
      staging: staging(),
      onProgress: ({ uncompressedBytes }) => {
        unpacked = uncompressedBytes;
      },
    });
    expect(mostAhead).toBeLessThan(16 * piece);
  });
});

// Linux 6.3. The setting is one of the pid namespace's.
test.skipIf(!existsSync("/proc/sys/vm/memfd_noexec"))(
  "gzip is unpacked where executable memory files are forbidden",
  async () => {
    const [program, file] = [join(scratch.path, "noexec.ts"), join(scratch.path, "files.tar.gz")];
    writeFileSync(
      program,
      `import { unpackLayer } from ${JSON.stringify(join(import.meta.dir, "../../src/image/unpack.ts"))};
       const [file, staging] = process.argv.slice(2);
       console.log((await unpackLayer(Bun.file(file).stream(), { name: "x", staging })).diffID);`,
    );
    writeFileSync(file, gzipSync(files));
    const script = 'echo 2 >/proc/sys/vm/memfd_noexec && exec "$0" "$@"';
    const command = ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", script];
    const out = await mustRun([...command, process.execPath, program, file, staging()]);
    expect(out).toBe(`${sha256(files)}\n`);
  },
);

describe("a layer that fails leaves nothing and says why", () => {
  for (const [where, sizeBytes] of [
    ["a worker", undefined],
    ["this thread", 1],
  ] as const) {
    test(`in ${where}`, async () => {
      const gzip = gzipSync(files);
      expect(await failure(streamOf(gzip.subarray(0, gzip.length - 100)), { sizeBytes })).toBe(
        "unpack layer sha256:abc: decompress gzip: unexpected end of file",
      );
      expect(await failure(streamOf(files.subarray(0, 5000)), { sizeBytes })).toContain(
        "unpack layer sha256:abc: tar: the archive is cut short",
      );
      expect(await failure(streamOf(archive({ name: "../x" })), { sizeBytes })).toContain(
        'unpack layer sha256:abc: entry "../x"',
      );
      expect(await failure(streamOf(Buffer.from("BZh91AY&SY", "latin1")), { sizeBytes })).toBe(
        "unpack layer sha256:abc: a layer compressed with bzip2 is not supported (rebuild the image with gzip or zstd layers)",
      );
      expect(await failure(streamOf(gzip), { sizeBytes, limits: { entries: 3 } })).toContain(
        "more than 3 entries",
      );
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield gzip.slice(0, 1000);
        throw new Error("connection lost");
      }
      expect(await failure(streamFrom(broken()), { sizeBytes })).toContain(
        "unpack layer sha256:abc: connection lost",
      );
    });
  }

  test("when it is encrypted", async () => {
    const mediaType = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted";
    expect(await failure(streamOf(files), { mediaType })).toContain("encrypted layers are not supported");
  });

  test("when the directory is there already, which is left alone", async () => {
    const path = staging();
    mkdirSync(path);
    writeFileSync(join(path, "mine"), "");
    await expect(unpackLayer(streamOf(files), { name: "x", staging: path })).rejects.toThrow(
      "unpack layer x",
    );
    expect(readdirSync(path)).toEqual(["mine"]);
  });

  test("when it is cancelled, before and in the middle", async () => {
    const reason = new Error("enough");
    expect(await failure(streamOf(files), { signal: AbortSignal.abort(reason) })).toBe(
      "unpack layer sha256:abc: enough",
    );
    // A block that is stored, and not the last one (RFC 1951, 3.2.4).
    const stored = (bytes: Uint8Array) => {
      const head = Buffer.alloc(5);
      head.writeUInt16LE(bytes.length, 1);
      head.writeUInt16LE(bytes.length ^ 0xffff, 3);
      return Buffer.concat([head, bytes]);
    };
    const gzipHeader = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    for (const [sizeBytes, zipped] of [
      [undefined, false],
      [1, false],
      [undefined, true],
      [1, true],
    ] as const) {
      const controller = new AbortController();
      let cancelled = false;
      const first = archive({ name: "big", size: 8 ** 10 }).subarray(0, 512);
      const more = new Uint8Array(60_000);
      const endless = new ReadableStream<Uint8Array>({
        start: (stream) => stream.enqueue(zipped ? Buffer.concat([gzipHeader, stored(first)]) : first),
        pull: async (stream) => {
          await Bun.sleep(0);
          stream.enqueue(zipped ? stored(more) : new Uint8Array(more));
        },
        cancel: () => {
          cancelled = true;
        },
      });
      const onProgress = ({ uncompressedBytes }: { uncompressedBytes: number }) => {
        if (uncompressedBytes > 5_000_000) controller.abort(reason);
      };
      expect(await failure(endless, { signal: controller.signal, sizeBytes, onProgress })).toBe(
        "unpack layer sha256:abc: enough",
      );
      expect(cancelled).toBe(true);
    }
  });

  test("when it is cancelled while nothing arrives", async () => {
    for (const [start, sizeBytes] of [
      [files, undefined],
      [files, 1],
      [gzipSync(files), undefined],
      [gzipSync(files), 1],
      [Buffer.alloc(0), undefined],
    ] as const) {
      const controller = new AbortController();
      const silent = new ReadableStream<Uint8Array>({
        start: (stream) => stream.enqueue(start.slice(0, 5000)),
      });
      setTimeout(() => controller.abort(new Error("enough")), 20);
      expect(await failure(silent, { signal: controller.signal, sizeBytes })).toBe(
        "unpack layer sha256:abc: enough",
      );
    }
  });

  test("when the disk is full", async () => {
    // A tmpfs of its own, in a mount namespace of its own.
    const program = join(scratch.path, "full.ts");
    writeFileSync(
      program,
      `import { unpackLayer } from ${JSON.stringify(join(import.meta.dir, "../../src/image/unpack.ts"))};
       import { explain, hintOf } from ${JSON.stringify(join(import.meta.dir, "../../src/base/error.ts"))};
       import { readdirSync } from "node:fs";
       const [mounted, file] = process.argv.slice(2);
       await unpackLayer(Bun.file(file).stream(), { name: "x", staging: mounted + "/layer" }).catch((error) => console.log(explain(error), "|", hintOf(error)));
       console.log(readdirSync(mounted).length);`,
    );
    const mounted = join(scratch.path, "full");
    mkdirSync(mounted);
    writeFileSync(join(scratch.path, "files.tar"), files);
    const script = 'mount -t tmpfs -o size=2m none "$1" && exec "$0" "$2" "$1" "$3"';
    const out = await mustRun([
      "unshare",
      "-m",
      "sh",
      "-c",
      script,
      process.execPath,
      mounted,
      program,
      join(scratch.path, "files.tar"),
    ]);
    expect(out).toMatch(/^unpack layer x: entry ".*": write: ENOSPC: .* \| the disk is full.*\n0\n$/);
  });
});
