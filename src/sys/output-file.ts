/** Where results of many bytes go: a file that appears when it is complete, or a stream. */
import { dirname } from "node:path";
import {
  AT_FDCWD,
  AT_SYMLINK_FOLLOW,
  O_TMPFILE,
  O_WRONLY,
  POLLOUT,
  S_IFMT,
  S_IFREG,
} from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { randomHex } from "../base/random.ts";
import { packInterests, poll } from "./change.ts";
import { failedWith } from "./error.ts";
import type { Fd } from "./fd.ts";
import { duplicate } from "./fd.ts";
import { checkPath, encodePath, fchmod, openat, renameat, unlinkat, writeAll, writeSome } from "./file.ts";
import { readUmask } from "./process.ts";
import { openNewFile } from "./small-file.ts";
import { lookup } from "./stat.ts";

/** Takes bytes in order. Disposed of before `finish`, it leaves no file. */
export interface Output extends Disposable {
  write(bytes: Uint8Array): void;
  finish(): void;
}

/** The file at `path`, which is replaced when all is written; written to as it stands when it is a pipe or a device. */
export function openOutputFile(path: string): Output {
  const status = lookup(undefined, path);
  if (status !== undefined && (status.mode & S_IFMT) !== S_IFREG) {
    return streamOutput(openat(undefined, path, O_WRONLY));
  }
  const temporary = `${dirname(path)}/.currunt-${randomHex(8)}`;
  const { file, named } = openNameless(dirname(path)) ?? { file: openNewFile(temporary, 0o600), named: true };
  let finished = false;
  return {
    write: (bytes) => writeAll(file, bytes),
    finish() {
      fchmod(file, 0o666 & ~readUmask());
      if (!named) giveName(file, temporary);
      renameat(undefined, temporary, undefined, path);
      finished = true;
    },
    [Symbol.dispose]() {
      file.close();
      if (named && !finished) unlinkat(undefined, temporary);
    },
  };
}

/** A file without a name, which is gone whenever this process ends; undefined where the file system has none. */
function openNameless(directory: string): { file: Fd; named: false } | undefined {
  try {
    return { file: openat(undefined, directory, O_WRONLY | O_TMPFILE, 0o600), named: false };
  } catch (error) {
    if (failedWith(error, "EOPNOTSUPP", "EISDIR", "EINVAL")) return undefined;
    throw error;
  }
}

function giveName(file: Fd, path: string): void {
  const from = encodePath(`/proc/self/fd/${file.number}`);
  checkPath(libc.linkat(AT_FDCWD, from, AT_FDCWD, encodePath(path), AT_SYMLINK_FOLLOW), "linkat", path);
}

/** Standard output. */
export function standardOutput(): Output {
  return streamOutput(duplicate(1));
}

function streamOutput(file: Fd): Output {
  return {
    write(bytes) {
      for (let rest = bytes; rest.length > 0; ) {
        try {
          rest = rest.subarray(writeSome(file, rest));
        } catch (error) {
          // Another process has made the pipe non-blocking.
          if (!failedWith(error, "EAGAIN")) throw error;
          poll(packInterests([{ fd: file, events: POLLOUT }]), -1);
        }
      }
    },
    finish: () => undefined,
    [Symbol.dispose]: () => file.close(),
  };
}
