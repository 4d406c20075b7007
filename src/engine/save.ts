/** Where a saved archive goes: a stream, or a file or directory that has its name only when it is complete. */
import { S_IFDIR, S_IFMT } from "../../ffi/kernel.ts";
import { CurruntError, wrap } from "../base/error.ts";
import { randomHex } from "../base/random.ts";
import type { ArchiveWriter } from "../image/archive-writer.ts";
import { directoryArchive, tarArchive } from "../image/archive-writer.ts";
import { saveImages } from "../image/save.ts";
import { listDirectory, makeNewDirectory, removeTree } from "../sys/directory.ts";
import { failedWith } from "../sys/error.ts";
import { renameat } from "../sys/file.ts";
import { openOutputFile, standardOutput } from "../sys/output-file.ts";
import { lookup } from "../sys/stat.ts";
import type { Context } from "./context.ts";
import { imageStore } from "./image.ts";
import type { SaveOptions } from "./image-options.ts";

/** Writes images into one archive. */
export async function saveToArchive(
  context: Context,
  names: readonly string[],
  { format, output, signal }: SaveOptions,
): Promise<void> {
  const options = { store: imageStore(context), docker: format === "docker-archive", signal };
  const save = (writer: ArchiveWriter) => saveImages(names, writer, options);
  try {
    if (format === "oci-dir") await saveDirectory(output.replace(/(.)\/+$/, "$1"), save);
    else {
      using file = output === "-" ? standardOutput() : openOutputFile(output);
      await save(tarArchive(file));
    }
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    // Nobody reads it any more.
    if (failedWith(error, "EPIPE")) throw error;
    throw output === "-" ? error : wrap(error, `save to ${JSON.stringify(output)}`);
  }
}

async function saveDirectory(path: string, save: (writer: ArchiveWriter) => Promise<void>): Promise<void> {
  refuseFull(path);
  const temporary = `${path}.${randomHex(4)}.part`;
  makeNewDirectory(temporary, 0o755);
  try {
    await save(directoryArchive(temporary));
    renameat(undefined, temporary, undefined, path);
  } catch (error) {
    removeTree(undefined, temporary);
    throw error;
  }
}

function refuseFull(path: string): void {
  const status = lookup(undefined, path);
  const isDirectory = status !== undefined && (status.mode & S_IFMT) === S_IFDIR;
  if (status === undefined || (isDirectory && listDirectory(path).length === 0)) return;
  throw new CurruntError("exists", "something is there", { hint: "name a directory that is new or empty" });
}
