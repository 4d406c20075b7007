/** Starts an executable that is held by descriptor: with three streams, one socket, no environment, clean signals. */
import { F_DUPFD_CLOEXEC, POSIX_SPAWN_SETSIGDEF, POSIX_SPAWN_SETSIGMASK } from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { addressOf, cstring } from "../../ffi/memory.ts";
import { check, SyscallError } from "./error.ts";
import { Fd } from "./fd.ts";

export interface SpawnOptions {
  readonly image: Fd;
  /** "inherit", or what becomes descriptors 0, 1 and 2. */
  readonly stdio: "inherit" | { readonly stdin: Fd; readonly stdout: Fd; readonly stderr: Fd };
  /** Becomes descriptor 3. */
  readonly socket: Fd;
}

/** Descriptors from here on are out of the way of those that the new process gets. */
const firstFree = 10;
const socketNumber = 3;
/** Room for glibc's and musl's opaque types, which are 336 and 80 bytes (spawn.h). */
const attributesSize = 512;
const actionsSize = 256;
const signalSetSize = 128;

const noSignals = new Uint8Array(signalSetSize);
const allSignals = new Uint8Array(signalSetSize).fill(0xff);
const name = cstring("currunt");
/** `{ "currunt", NULL }` and `{ NULL }`: kept here so that they live as long as their addresses are used. */
const args = new BigUint64Array([BigInt(addressOf(name)), 0n]);
const environment = new BigUint64Array(1);

/**
 * Spawns and returns the pid. posix_spawn because a multi-threaded program cannot fork and go on; the signal mask and
 * ignored signals of this process, SIGPIPE for one, are not passed on.
 */
export function spawnImage({ image, stdio, socket }: SpawnOptions): number {
  using lifted = new DisposableStack();
  const lift = (fd: Fd): number => {
    if (fd.number >= firstFree) return fd.number;
    const copy = check(libc.fcntl(fd.number, F_DUPFD_CLOEXEC, firstFree), "fcntl", "F_DUPFD_CLOEXEC");
    return lifted.use(new Fd(copy)).number;
  };
  const actions = new Uint8Array(actionsSize);
  libc.posix_spawn_file_actions_init(actions);
  lifted.defer(() => libc.posix_spawn_file_actions_destroy(actions));
  const connect = (from: number, to: number) => libc.posix_spawn_file_actions_adddup2(actions, from, to);
  if (stdio !== "inherit") {
    connect(lift(stdio.stdin), 0);
    connect(lift(stdio.stdout), 1);
    connect(lift(stdio.stderr), 2);
  }
  connect(lift(socket), socketNumber);

  const attributes = new Uint8Array(attributesSize);
  libc.posix_spawnattr_init(attributes);
  lifted.defer(() => libc.posix_spawnattr_destroy(attributes));
  libc.posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  libc.posix_spawnattr_setsigmask(attributes, noSignals);
  libc.posix_spawnattr_setsigdefault(attributes, allSignals);

  const pid = new Int32Array(1);
  const path = cstring(`/proc/self/fd/${lift(image)}`);
  // Unlike system calls it returns the error number (man 3 posix_spawn).
  const error = libc.posix_spawn(pid, path, actions, attributes, args, environment);
  if (error !== 0) throw new SyscallError("posix_spawn", error, "the shim");
  return pid[0] ?? -1;
}
