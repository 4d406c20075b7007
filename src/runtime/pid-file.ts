/** The pid file: whoever waits for it sees it whole, or not at all. */
import { posix } from "node:path";
import { replaceSmallFile } from "../sys/small-file.ts";

/** Replaces the file at `path` by one with `text`, which is neither terminated nor synced. */
export function replaceFile(path: string, text: string): void {
  replaceSmallFile(posix.dirname(path), posix.basename(path), text, 0o644);
}
