/** What the caller of this process gave it, byte for byte: also what is no UTF-8 (`ffi/text.ts`). */
import { readSmallFile } from "../sys/small-file.ts";

/** The last `count` arguments of this process. */
export function readArguments(count: number): string[] {
  return count === 0 ? [] : readTexts("/proc/self/cmdline").slice(-count);
}

/** The environment that this process was started with. */
export function readEnvironment(): Record<string, string> {
  const entries = readTexts("/proc/self/environ").map((text): [string, string] => {
    const equals = text.indexOf("=");
    return [text.slice(0, equals), text.slice(equals + 1)];
  });
  return Object.fromEntries(entries);
}

/** The text of a file of the caller's. */
export function readText(path: string): string {
  return readSmallFile(path);
}

/** Texts that each end with a NUL. */
function readTexts(path: string): string[] {
  return readSmallFile(path).split("\0").slice(0, -1);
}
