/** The size of an unpacked layer, counted on disk. */
import { lstatSync, readdirSync } from "node:fs";
import { openLayer } from "./layer-mount.ts";

/** The same for a stored layer, a directory or an image. */
export function layerSize(path: string): { sizeBytes: number; entries: number } {
  using layer = openLayer(path, "trusted");
  return treeSize(layer.path);
}

/** Bytes of the regular files below `directory`, a file with several names once, and the number of entries. */
export function treeSize(directory: string): { sizeBytes: number; entries: number } {
  const seen = new Set<number>();
  let sizeBytes = 0;
  let entries = 0;
  const pending: Buffer[] = [Buffer.from(directory)];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const name of readdirSync(folder, { encoding: "buffer" })) {
      // Bytes, not text: names need not be UTF-8.
      const path = Buffer.concat([folder, Buffer.from("/"), name]);
      const status = lstatSync(path);
      entries++;
      if (status.isDirectory()) pending.push(path);
      else if (status.isFile() && !seen.has(status.ino)) {
        if (status.nlink > 1) seen.add(status.ino);
        sizeBytes += status.size;
      }
    }
  }
  return { sizeBytes, entries };
}
