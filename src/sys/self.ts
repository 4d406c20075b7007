/** Starts this executable again as a process of its own: no terminal, no streams, no environment of ours. */
import { CLOSE_RANGE_CLOEXEC, F_SETFD, FD_CLOEXEC, O_CLOEXEC, O_RDWR } from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { check } from "./error.ts";
import { isExecutable } from "./exit.ts";
import { Fd } from "./fd.ts";
import { openat } from "./file.ts";
import { spawn } from "./spawn.ts";

/** The arguments that make this program run `command`: an executable by itself, or a script under Bun. */
function argumentsFor(command: string): string[] {
  return isExecutable() ? ["currunt", command] : ["bun", Bun.main, command];
}

/**
 * Runs `currunt command` with /dev/null as standard streams, `inherited` as descriptors 3, 4, …, and `environment`
 * only. Signals are as in a new process; every other descriptor of ours is closed in it. Returns the pid.
 */
export function spawnSelf(
  command: string,
  { inherited, environment }: { inherited: readonly Fd[]; environment: readonly string[] },
): number {
  // Descriptors that our caller left open without close-on-exec would stay open for the container's life.
  // Linux 5.11; on 5.10 they are passed on.
  libc.close_range(3, 0xffffffff, CLOSE_RANGE_CLOEXEC);
  using nowhere = openat(undefined, "/dev/null", O_RDWR | O_CLOEXEC);
  return spawn({
    path: "/proc/self/exe",
    args: argumentsFor(command),
    environment,
    descriptors: [nowhere, nowhere, nowhere, ...inherited],
  });
}

/** Leaves the caller's session and terminal, and takes over the inherited descriptors 3, 4, … `count` of them. */
export function detachSelf(count: number): Fd[] {
  // Fails only for a process group's leader, which a spawned process is not.
  libc.setsid();
  return Array.from({ length: count }, (_, index) => {
    check(libc.fcntl(3 + index, F_SETFD, FD_CLOEXEC), "fcntl F_SETFD");
    return new Fd(3 + index);
  });
}
