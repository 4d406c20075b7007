/** Where a saved archive goes: a stream, or a file or directory that has its name only when it is complete. */
import { O_CREAT, O_EXCL, O_WRONLY, S_IFDIR, S_IFMT, S_IFREG } from "../../ffi/kernel.ts";
import { CurruntError, wrap } from "../base/error.ts";
import { randomHex } from "../base/random.ts";
import { directoryArchive, tarArchive } from "../image/archive-writer.ts";
import { saveImages } from "../image/save.ts";
import { listDirectory, makeDirectories, removeTree } from "../sys/directory.ts";
import { openat, renameat, writeAll } from "../sys/file.ts";
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
  if (typeof output !== "string") return await saveImages(names, tarArchive(output), options);
  const kind = kindOf(output);
  if (format === "oci-dir") refuseFull(output, kind);
  else if (kind === S_IFDIR) {
    throw new CurruntError("invalid", `save to ${JSON.stringify(output)}: it is a directory`, {
      hint: "name a file, or write a directory with -format oci-dir",
    });
  }
  // A device or a pipe is written as it is.
  if (format !== "oci-dir" && kind !== undefined && kind !== S_IFREG) {
    using file = openat(undefined, output, O_WRONLY);
    return await saveImages(
      names,
      tarArchive((bytes) => writeAll(file, bytes)),
      options,
    );
  }
  const temporary = `${output.replace(/\/+$/, "")}.${randomHex(4)}.part`;
  try {
    if (format === "oci-dir") {
      makeDirectories(temporary, 0o755);
      await saveImages(names, directoryArchive(temporary), options);
    } else {
      using file = openat(undefined, temporary, O_WRONLY | O_CREAT | O_EXCL, 0o666);
      await saveImages(
        names,
        tarArchive((bytes) => writeAll(file, bytes)),
        options,
      );
    }
    renameat(undefined, temporary, undefined, output);
  } catch (error) {
    removeTree(undefined, temporary);
    throw signal?.aborted === true ? signal.reason : wrap(error, `save to ${JSON.stringify(output)}`);
  }
}

/** The type of what is there, links followed; undefined: nothing. */
function kindOf(path: string): number | undefined {
  const status = lookup(undefined, path);
  return status && status.mode & S_IFMT;
}

function refuseFull(path: string, kind: number | undefined): void {
  if (kind === undefined || (kind === S_IFDIR && listDirectory(path).length === 0)) return;
  throw new CurruntError("exists", `save to ${JSON.stringify(path)}: something is there`, {
    hint: "name a directory that is new or empty",
  });
}
