/** Worker: waits until a lock file is free, in a thread that may block. */
import { waitForUnlock } from "./lock.ts";

declare const self: Worker;

self.onmessage = ({ data }: MessageEvent<string>) => {
  waitForUnlock(data);
  postMessage("unlocked");
};
