/**
 * The least that a pull of one gzip layer can take: `bun floor.ts BLOB FILE` reads BLOB, inflates it, hashes both sides and writes
 * what comes out into the one FILE, side by side where the cores allow it. Prints "ok" once that is on the disk.
 */
import { createReadStream, fsyncSync } from "node:fs";
import { O_CREAT, O_WRONLY } from "../../ffi/kernel.ts";
import { decompress } from "../../src/image/decompress.ts";
import { openat, writeAll } from "../../src/sys/file.ts";

const [blob = "", path = ""] = process.argv.slice(2);
const [outer, inner] = [new Bun.CryptoHasher("sha256"), new Bun.CryptoHasher("sha256")];
using file = openat(undefined, path, O_WRONLY | O_CREAT, 0o600);
async function* source(): AsyncGenerator<Uint8Array> {
  for await (const chunk of createReadStream(blob, { highWaterMark: 512 << 10 })) {
    outer.update(chunk);
    yield chunk;
  }
}
await decompress(source(), (bytes) => {
  inner.update(bytes);
  writeAll(file, bytes);
});
fsyncSync(file.number);
if (outer.digest("hex") === inner.digest("hex")) throw new Error("nothing was inflated");
console.log("ok");
