/** Room on a file system (`man 2 statfs`). */
import { statfs } from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { check } from "./error.ts";
import { encodePath } from "./file.ts";

/** Bytes that may still be written to the file system that holds `path`, without what is reserved for others. */
export function freeBytes(path: string): number {
  const answer = new Uint8Array(statfs.size);
  check(libc.statfs(encodePath(path), answer), "statfs", path);
  const { f_bavail, f_frsize } = statfs.unpack(answer);
  return Number(f_bavail * f_frsize);
}
