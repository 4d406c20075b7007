/** Reads and writes small files, the kernel's among them, without loading node:fs, which takes milliseconds. */
import {
  AT_FDCWD,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  SEEK_SET,
} from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { decodeText, encodeText } from "../../ffi/text.ts";
import { check, failureOf } from "./error.ts";
import { Fd } from "./fd.ts";
import { encodePath, openat, renameat, writeAll } from "./file.ts";

/** The text of the file at `path`, byte for byte (`decodeText`). Files of /proc have no size: it is read to its end. */
export function readSmallFile(path: string): string {
  using file = openat(undefined, path, O_RDONLY);
  return readToEnd(file);
}

/** The same for an open file, from its position on. */
export function readToEnd(file: Fd): string {
  return decodeText(readBytes(file));
}

/** The text of an open file of the kernel's, from its start, as it is now. */
export function readFromStart(file: Fd): string {
  check(libc.lseek(file.number, 0, SEEK_SET), "lseek");
  return readToEnd(file);
}

/** The bytes of an open file, from its position on. */
export function readBytes(file: Fd): Buffer {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.allocUnsafe(4096);
    const length = check(libc.read(file.number, chunk, chunk.length), "read");
    if (length === 0) return Buffer.concat(chunks);
    chunks.push(chunk.subarray(0, length));
  }
}

/** Writes `text` to the file at `path`, which is made with `mode` when it is missing, and emptied when it is not. */
export function writeSmallFile(path: string, text: string, mode: number): void {
  using file = openat(undefined, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
  writeAll(file, encodeText(text));
}

/** Makes the file at `path`, which must not be there, for appending. */
export function openNewFile(path: string, mode: number): Fd {
  return openat(undefined, path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, mode);
}

/** Like `readSmallFile`; undefined when there is no such file. */
export function tryReadSmallFile(path: string): string | undefined {
  const bytes = tryReadBytes(path);
  return bytes === undefined ? undefined : decodeText(bytes);
}

/** The bytes of the file at `path`; undefined when there is no such file. */
export function tryReadBytes(path: string): Buffer | undefined {
  const number = libc.openat(AT_FDCWD, encodePath(path), O_RDONLY | O_CLOEXEC, 0);
  const expected = ["ENOENT", "ENOTDIR"] as const;
  if (failureOf(number, { operation: "openat", subject: () => path, expected }) !== undefined)
    return undefined;
  using file = new Fd(number);
  return readBytes(file);
}

/** Writes `text` to `directory`/`name` in one go for readers: under another name first, then renamed. Not synced. */
export function replaceSmallFile(directory: string, name: string, text: string, mode: number): void {
  const temporary = `${directory}/.${name}`;
  writeSmallFile(temporary, text, mode);
  renameat(undefined, temporary, undefined, `${directory}/${name}`);
}

/** All that comes on standard input, to its end. */
export function readStandardInput(): string {
  const stdin = new Fd(0);
  try {
    return readToEnd(stdin);
  } finally {
    stdin.release();
  }
}
