/** Writes the files of an image archive: into a tar stream, or into a directory. */
import { setImmediate } from "node:timers/promises";
import { O_CREAT, O_EXCL, O_WRONLY } from "../../ffi/kernel.ts";
import { makeDirectories } from "../sys/directory.ts";
import { openat, writeAll } from "../sys/file.ts";
import type { Output } from "../sys/output-file.ts";
import { plainFile } from "./tar-entry.ts";
import { paddingOf } from "./tar-header.ts";
import { encodeEntry, endOfArchive } from "./tar-writer.ts";

/** Takes the files one after the other. */
export interface ArchiveWriter {
  /** `content` has `sizeBytes` bytes in all; a piece is used before the next is asked for. */
  file(path: string, sizeBytes: number, content: Iterable<Uint8Array>): Promise<void>;
  /** After the last. */
  finish(): void;
}

/** A tar archive in `output`. The same files give the same bytes. */
export function tarArchive(output: Output): ArchiveWriter {
  return {
    async file(path, sizeBytes, content) {
      output.write(encodeEntry(plainFile(path, sizeBytes, 0o644)));
      await writePieces(content, (piece) => output.write(piece));
      output.write(Buffer.alloc(paddingOf(sizeBytes)));
    },
    finish() {
      output.write(endOfArchive);
      output.finish();
    },
  };
}

/** Lets signals in between the pieces. */
async function writePieces(content: Iterable<Uint8Array>, write: (piece: Uint8Array) => void): Promise<void> {
  for (const piece of content) {
    write(piece);
    await setImmediate();
  }
}

/** Files below an existing, empty directory. */
export function directoryArchive(directory: string): ArchiveWriter {
  return {
    async file(path, _, content) {
      const place = `${directory}/${path}`;
      makeDirectories(place.slice(0, place.lastIndexOf("/")), 0o755);
      using file = openat(undefined, place, O_WRONLY | O_CREAT | O_EXCL, 0o644);
      await writePieces(content, (piece) => writeAll(file, piece));
    },
    finish: () => undefined,
  };
}
