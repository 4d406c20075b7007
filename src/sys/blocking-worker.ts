/** Worker for calls that block their thread: waiting for a lock, writing a file system's data to its disk. */
import { openDirectory, syncfs } from "./file.ts";
import { waitForUnlock } from "./lock.ts";

/** What to do, and with which path. */
export interface BlockingCall {
  readonly call: "waitForUnlock" | "syncfs";
  readonly path: string;
}

declare const self: Worker;

self.onmessage = ({ data: { call, path } }: MessageEvent<BlockingCall>) => {
  if (call === "waitForUnlock") waitForUnlock(path);
  else {
    using directory = openDirectory(path);
    syncfs(directory);
  }
  postMessage("done");
};
