/** Visits of this thread to other mount namespaces, from which it comes back at once. */
import {
  CLONE_FS,
  CLONE_NEWNS,
  MS_PRIVATE,
  MS_REC,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
} from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { cstring } from "../../ffi/memory.ts";
import { check, failedWith } from "./error.ts";
import type { Fd } from "./fd.ts";
import { openat } from "./file.ts";
import { cloneTree } from "./mount.ts";

/** Runs `work` with this thread in a copy of the mount namespace. It must not wait for anything. */
export function inPrivateMountNamespace<T>(work: () => T): T {
  return visit(() => {
    // Root and working directory are shared with the other threads until now, which setns does not allow.
    check(libc.unshare(CLONE_NEWNS | CLONE_FS), "unshare");
    const none = cstring("none");
    check(libc.mount(none, cstring("/"), null, MS_REC | MS_PRIVATE, null), "mount", "/");
    return work();
  });
}

/**
 * A copy, attached nowhere, of the root mount of a process (by pidfd): without what is mounted below. Nothing of the process's tree is
 * opened by path, so nothing in it can lead elsewhere.
 */
export function cloneRootOf(process: Fd): Fd {
  return visit(() => {
    check(libc.unshare(CLONE_FS), "unshare");
    check(libc.setns(process.number, CLONE_NEWNS), "setns");
    return cloneTree("/");
  });
}

/** Runs `work`, which takes this thread to another mount namespace, and brings the thread back. */
function visit<T>(work: () => T): T {
  using original = openat(undefined, "/proc/thread-self/ns/mnt", O_RDONLY);
  // Entering a mount namespace sets root and working directory to its root.
  using directory = openat(undefined, ".", O_PATH | O_DIRECTORY);
  try {
    return work();
  } finally {
    leaveMountNamespace(original);
    check(libc.fchdir(directory.number), "fchdir");
  }
}

/** Takes this thread back to the mount namespace `original`. */
function leaveMountNamespace(original: Fd): void {
  for (let attempts = 10; ; attempts--) {
    // A thread that the engine has started from this one meanwhile, to collect garbage say, shares them again.
    check(libc.unshare(CLONE_FS), "unshare");
    try {
      check(libc.setns(original.number, CLONE_NEWNS), "setns");
      return;
    } catch (error) {
      if (!failedWith(error, "EINVAL") || attempts === 1) throw error;
    }
  }
}
