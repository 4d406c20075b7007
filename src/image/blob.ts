/** The content store: manifests and configs as files named by their digest. */
import { dirname, join } from "node:path";
import { O_CREAT, O_EXCL, O_RDONLY, O_WRONLY } from "../../ffi/kernel.ts";
import type { BackgroundSync } from "../sys/background-sync.ts";
import { fsyncDirectory, listDirectory, makeDirectories } from "../sys/directory.ts";
import { failedWith } from "../sys/error.ts";
import { openat, openDirectory, removeFile, renameat, writeAll } from "../sys/file.ts";
import { readBytes } from "../sys/small-file.ts";
import { isThere } from "../sys/stat.ts";
import { digestOf, isDigest, parseDigest } from "./digest.ts";

/** Blobs under `blobs/<algorithm>/<hex>`. */
export class BlobStore {
  readonly #root: string;

  /** `sha256Directory`: `blobs/sha256` of the data root. */
  constructor(sha256Directory: string) {
    this.#root = dirname(sha256Directory);
  }

  /** Where the blob is, or would be. */
  path(digest: string): string {
    const { algorithm, hex } = parseDigest(digest);
    return join(this.#root, algorithm, hex);
  }

  /** Whether there is a file for it, damaged or not. */
  has(digest: string): boolean {
    return isThere(undefined, this.path(digest));
  }

  /** The content; undefined when it is missing, or damaged: then it has to come anew. */
  read(digest: string): Uint8Array | undefined {
    let bytes: Uint8Array;
    try {
      using file = openat(undefined, this.path(digest), O_RDONLY);
      bytes = readBytes(file);
    } catch (error) {
      if (failedWith(error, "ENOENT")) return undefined;
      throw error;
    }
    return digestOf(bytes, parseDigest(digest).algorithm) === digest ? bytes : undefined;
  }

  /**
   * Stores `blobs`, which are checked already. Everything on the file system is on the disk before the first has its name:
   * what a name shows is complete also after a power cut. `staging`: a directory for the time between.
   */
  async write(blobs: ReadonlyMap<string, Uint8Array>, staging: string, sync: BackgroundSync): Promise<void> {
    using directory = openDirectory(staging);
    let serial = 0;
    const renames: [from: string, to: string][] = [];
    for (const [digest, bytes] of blobs) {
      const name = `blob-${serial++}`;
      using file = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL, 0o600);
      writeAll(file, bytes);
      renames.push([join(staging, name), this.path(digest)]);
    }
    await sync.finish();
    for (const [from, to] of renames) {
      makeDirectories(dirname(to), 0o700);
      renameat(undefined, from, undefined, to);
    }
    for (const folder of new Set(renames.map(([, to]) => dirname(to)))) fsyncDirectory(folder);
  }

  /** Digests of all blobs. */
  list(): string[] {
    return algorithms
      .flatMap((algorithm) => listing(join(this.#root, algorithm)).map((hex) => `${algorithm}:${hex}`))
      .filter(isDigest);
  }

  /** Removes all blobs but those in `keep`. */
  collect(keep: ReadonlySet<string>): void {
    for (const digest of this.list()) if (!keep.has(digest)) removeFile(this.path(digest));
  }
}

const algorithms = ["sha256", "sha512"] as const;

function listing(folder: string): string[] {
  try {
    return listDirectory(folder);
  } catch {
    // There is no folder for an algorithm that was never used.
    return [];
  }
}
