/** Waits for the disk beside other work: in Bun's own threads and in a small process, as a thread with an engine costs megabytes. */
import { fsync as fsyncLater } from "node:fs";
import { O_RDONLY } from "../../ffi/kernel.ts";
import { SyscallError } from "./error.ts";
import type { Fd } from "./fd.ts";
import { pipe } from "./fd.ts";
import { openat } from "./file.ts";
import { waitForEnd } from "./process.ts";
import { readable } from "./readiness.ts";
import { shimImage } from "./shim-image.ts";
import { spawnImage } from "./spawn.ts";

/**
 * Resolves when everything of the file system that holds `directory` is on the disk; rejects with a SyscallError when some of it
 * was lost since it was opened (`man 2 syncfs`).
 */
export async function syncFileSystem(directory: Fd): Promise<void> {
  const image = await shimImage();
  const { reader, writer } = pipe();
  using ending = reader;
  let pid: number;
  {
    using held = writer;
    const stdio = { stdin: held, stdout: held, stderr: held };
    pid = spawnImage({ image, stdio, socket: directory, args: ["currunt", "sync"], ownGroup: true });
  }
  await readable(ending);
  const end = waitForEnd(pid)?.end;
  if (end === undefined || "signal" in end)
    throw new Error("the process that waited for the disk was killed");
  if (end.exitCode !== 0) throw new SyscallError("syncfs", end.exitCode);
}

/**
 * Resolves when the file at `path` is on the disk, or cannot be brought there. That is worth no error, nor is it that the file is
 * gone: this is to have less to wait for later, and `syncFileSystem` will tell.
 */
export async function syncEarly(path: string): Promise<void> {
  let file: Fd;
  try {
    file = openat(undefined, path, O_RDONLY);
  } catch (error) {
    if (error instanceof SyscallError) return;
    throw error;
  }
  using held = file;
  const { promise, resolve } = Promise.withResolvers<void>();
  fsyncLater(held.number, () => resolve());
  await promise;
}
