/** Worker for calls that block their thread: waiting for a lock or for descriptors. */
import { poll } from "./change.ts";
import { SyscallError } from "./error.ts";
import { waitForUnlock } from "./lock.ts";

/** What to do, and with what. */
export type BlockingCall =
  | { readonly call: "waitForUnlock"; readonly path: string }
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
    else poll(data.asked, data.timeoutMs);
    return undefined;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    const { operation, errno, subject } = error;
    return { operation, errno, subject };
  }
}
