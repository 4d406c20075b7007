/** Leaves a running program to the shim's program, which takes this process's place (ffi/shim/keep.c): that is some kilobytes instead of megabytes. */
import { AT_EMPTY_PATH, F_SETFD, O_PATH } from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { cstring } from "../../ffi/memory.ts";
import { signalsAreKept, startedImage } from "./entry.ts";
import { check } from "./error.ts";
import type { Fd } from "./fd.ts";
import { openat } from "./file.ts";
import { stringArray } from "./spawn.ts";

/** What goes with the program: nothing of it may be in use then but by the program. */
export interface Estate {
  /** The directory with the files state.json and config.json. */
  readonly path: string;
  /** The same, open (O_PATH): another one that is in its place by then is left alone. */
  readonly directory: Fd;
  /** Removed before it. */
  readonly cgroups: readonly string[];
  /** Arguments for this executable to do it, when there is more in the way than a process that is just leaving its cgroup. */
  readonly remover: readonly string[];
}

/**
 * Has this process become one that passes signals on to child `pid`, reaps, and ends with the child's exit code, or 128 and the
 * signal; nothing else of this process stays but its descriptors that are not close-on-exec. Returns where that cannot be.
 */
export function becomeKeeper(pid: number, estate: Estate | undefined): void {
  const image = startedImage();
  // Else those that come now would be lost.
  if (image === undefined || !signalsAreKept()) return;
  using cleanup = new DisposableStack();
  const args = ["currunt", "keep", String(pid)];
  if (estate !== undefined) {
    const executable = cleanup.use(openat(undefined, "/proc/self/exe", O_PATH));
    const passed = [estate.directory, executable].map((fd) => String(pass(fd)));
    args.push(estate.path, ...passed, ...estate.remover, "", ...estate.cgroups);
  }
  const argv = stringArray(args);
  libc.execveat(image.number, cstring(""), argv.pointers, stringArray([]).pointers, AT_EMPTY_PATH);
}

/** Its number, which it has in the next program too. */
function pass(fd: Fd): number {
  check(libc.fcntl(fd.number, F_SETFD, 0), "fcntl", "F_SETFD");
  return fd.number;
}
