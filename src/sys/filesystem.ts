/** What kind of file system a path lies on. */
import { statfs } from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { failureOf } from "./error.ts";
import { encodePath } from "./file.ts";

/** The magic number of the file system at `path` (`man 2 statfs`); undefined when there is nothing. */
export function filesystemType(path: string): number | undefined {
  const buffer = new Uint8Array(statfs.size);
  const result = libc.statfs(encodePath(path), buffer);
  const failure = failureOf(result, {
    operation: "statfs",
    subject: () => path,
    expected: ["ENOENT", "ENOTDIR"],
  });
  return failure === undefined ? Number(statfs.unpack(buffer).f_type) : undefined;
}
