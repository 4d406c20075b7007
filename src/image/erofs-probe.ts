/** Whether this kernel, over this file system, takes layers that are stored as images. */
import { join } from "node:path";
import { removeTree } from "../sys/directory.ts";
import { SyscallError } from "../sys/error.ts";
import { ErofsLayer } from "./erofs-layer.ts";
import { mountSnapshot } from "./snapshot.ts";

/** Tries it with an empty image in `directory`, which must be writable: EROFS in files, and overlays over mounts that nobody sees. */
export function canMountImages(directory: string): boolean {
  const path = join(directory, `probe-${process.pid}`);
  try {
    using layer = new ErofsLayer({ path, namespace: "trusted", warn: () => undefined });
    layer.finish();
    using _snapshot = mountSnapshot({ lowers: [path, directory] });
    return true;
  } catch (error) {
    for (let cause = error; cause instanceof Error; cause = cause.cause) {
      if (cause instanceof SyscallError && cause.operation.startsWith("fs")) return false;
    }
    throw error;
  } finally {
    removeTree(undefined, path);
  }
}
