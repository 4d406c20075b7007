/** Starts this executable again as a process of its own: no terminal, no streams, no environment of ours. */
import {
  CLOSE_RANGE_CLOEXEC,
  F_DUPFD_CLOEXEC,
  F_SETFD,
  FD_CLOEXEC,
  O_CLOEXEC,
  O_RDWR,
  POSIX_SPAWN_SETSIGDEF,
  POSIX_SPAWN_SETSIGMASK,
} from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { addressOf, cstring } from "../../ffi/memory.ts";
import { check, SyscallError } from "./error.ts";
import { isExecutable } from "./exit.ts";
import { Fd } from "./fd.ts";
import { openat } from "./file.ts";

/** Out of the way of the descriptors that the new process gets. */
const firstFree = 10;
/** Room for glibc's and musl's opaque types (spawn.h). */
const attributesSize = 512;
const actionsSize = 256;
const signalSetSize = 128;

/** A NULL-terminated array of C strings; `texts` stay alive with it. */
function stringArray(texts: readonly string[]): { pointers: BigUint64Array; texts: Uint8Array[] } {
  const bytes = texts.map(cstring);
  return {
    pointers: new BigUint64Array([...bytes.map((text) => BigInt(addressOf(text))), 0n]),
    texts: bytes,
  };
}

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
  using undo = new DisposableStack();
  // Descriptors that our caller left open without close-on-exec would stay open for the container's life.
  // Linux 5.11; on 5.10 they are passed on.
  libc.close_range(3, 0xffffffff, CLOSE_RANGE_CLOEXEC);
  const nowhere = undo.use(openat(undefined, "/dev/null", O_RDWR | O_CLOEXEC));
  const actions = new Uint8Array(actionsSize);
  libc.posix_spawn_file_actions_init(actions);
  undo.defer(() => libc.posix_spawn_file_actions_destroy(actions));
  [nowhere, nowhere, nowhere, ...inherited].forEach((fd, index) => {
    const lifted = check(libc.fcntl(fd.number, F_DUPFD_CLOEXEC, firstFree), "fcntl F_DUPFD_CLOEXEC");
    undo.use(new Fd(lifted));
    libc.posix_spawn_file_actions_adddup2(actions, lifted, index);
  });
  const attributes = new Uint8Array(attributesSize);
  libc.posix_spawnattr_init(attributes);
  undo.defer(() => libc.posix_spawnattr_destroy(attributes));
  libc.posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  libc.posix_spawnattr_setsigmask(attributes, new Uint8Array(signalSetSize));
  libc.posix_spawnattr_setsigdefault(attributes, new Uint8Array(signalSetSize).fill(0xff));
  const args = stringArray(argumentsFor(command));
  const env = stringArray(environment);
  const pid = new Int32Array(1);
  const path = cstring("/proc/self/exe");
  // Unlike system calls it returns the error number (man 3 posix_spawn).
  const error = libc.posix_spawn(pid, path, actions, attributes, args.pointers, env.pointers);
  if (error !== 0) throw new SyscallError("posix_spawn", error, `currunt ${command}`);
  return pid[0] ?? -1;
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
