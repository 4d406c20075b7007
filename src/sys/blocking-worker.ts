/** Worker for calls that block their thread: waiting for a lock or for descriptors, writing a file system's data to its disk. */
import { O_RDONLY } from "../../ffi/kernel.ts";
import { poll } from "./change.ts";
import { SyscallError } from "./error.ts";
import { Fd } from "./fd.ts";
import { fsync, openat, syncfs } from "./file.ts";
import { waitForUnlock } from "./lock.ts";

/** What to do, and with what. */
export type BlockingCall =
  | { readonly call: "waitForUnlock"; readonly path: string }
  /** `directory`: number of a descriptor that the caller keeps open meanwhile. */
  | { readonly call: "syncfs"; readonly directory: number }
  /** Of files, where they are there. */
  | { readonly call: "fsync"; readonly paths: readonly string[] }
  /** `asked`: array of struct pollfd, of descriptors that the caller keeps open meanwhile. */
  | { readonly call: "poll"; readonly asked: Uint8Array; readonly timeoutMs: number };

/** What became of a call: nothing to tell, or the parts of its SyscallError, which objects lose between threads. */
export type BlockingAnswer =
  | { readonly operation: string; readonly errno: number; readonly subject: string | undefined }
  | undefined;

declare const self: Worker;

self.onmessage = ({ data }: MessageEvent<BlockingCall>) => {
  const answer: BlockingAnswer = attempt(data);
  postMessage(answer);
};

function attempt(data: BlockingCall): BlockingAnswer {
  try {
    if (data.call === "waitForUnlock") waitForUnlock(data.path);
    else if (data.call === "poll") poll(data.asked, data.timeoutMs);
    else if (data.call === "fsync") data.paths.forEach(writeOut);
    else syncfs(new Fd(data.directory));
    return undefined;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    const { operation, errno, subject } = error;
    return { operation, errno, subject };
  }
}

/** A file that is gone is not worth an error, nor is one that cannot be written: this is for speed only, and syncfs will tell. */
function writeOut(path: string): void {
  try {
    using file = openat(undefined, path, O_RDONLY);
    fsync(file);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
  }
}
