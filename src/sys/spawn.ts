/** Starts programs: with descriptors 0, 1, 2 … as given, clean signals, and nothing of this process's environment. */
import {
  F_DUPFD_CLOEXEC,
  POSIX_SPAWN_SETPGROUP,
  POSIX_SPAWN_SETSIGDEF,
  POSIX_SPAWN_SETSIGMASK,
} from "../../ffi/kernel.ts";
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
  /** Without them it is a shim. */
  readonly args?: readonly string[];
  /** All of its environment; none unless given. */
  readonly environment?: readonly string[];
  /** True: it leads a process group of its own. */
  readonly ownGroup?: boolean;
}

/** Starts an executable that is held by descriptor. Returns the pid. */
export function spawnImage({
  image,
  stdio,
  socket,
  args = ["currunt"],
  environment = [],
  ownGroup = false,
}: SpawnOptions): number {
  using copy = lift(image);
  const streams =
    stdio === "inherit" ? [undefined, undefined, undefined] : [stdio.stdin, stdio.stdout, stdio.stderr];
  return spawn({
    path: `/proc/self/fd/${copy.number}`,
    args,
    environment,
    descriptors: [...streams, socket],
    ownGroup,
  });
}

export interface Program {
  readonly path: string;
  readonly args: readonly string[];
  readonly environment: readonly string[];
  /** What becomes descriptors 0, 1 …; undefined stays what it is here. All others that are not close-on-exec stay open. */
  readonly descriptors: readonly (Fd | undefined)[];
  /** True: it leads a process group of its own. */
  readonly ownGroup?: boolean;
}

/** Room for glibc's and musl's opaque types, which are 336, 80 and 128 bytes (spawn.h, signal.h). */
const attributesSize = 512;
const actionsSize = 256;
const signalSetSize = 128;

/**
 * Spawns and returns the pid. posix_spawn because a multi-threaded program cannot fork and go on; the signal mask and
 * ignored signals of this process, SIGPIPE for one, are not passed on.
 */
export function spawn({ path, args, environment, descriptors, ownGroup = false }: Program): number {
  using undo = new DisposableStack();
  const actions = new Uint8Array(actionsSize);
  libc.posix_spawn_file_actions_init(actions);
  undo.defer(() => libc.posix_spawn_file_actions_destroy(actions));
  for (const [number, fd] of descriptors.entries()) {
    if (fd === undefined) continue;
    libc.posix_spawn_file_actions_adddup2(actions, undo.use(lift(fd)).number, number);
  }
  const attributes = new Uint8Array(attributesSize);
  libc.posix_spawnattr_init(attributes);
  undo.defer(() => libc.posix_spawnattr_destroy(attributes));
  const group = ownGroup ? POSIX_SPAWN_SETPGROUP : 0;
  libc.posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | group);
  libc.posix_spawnattr_setsigmask(attributes, new Uint8Array(signalSetSize));
  libc.posix_spawnattr_setsigdefault(attributes, new Uint8Array(signalSetSize).fill(0xff));

  const argv = stringArray(args);
  const env = stringArray(environment);
  const pid = new Int32Array(1);
  // Unlike system calls it returns the error number (man 3 posix_spawn).
  const error = libc.posix_spawn(pid, cstring(path), actions, attributes, argv.pointers, env.pointers);
  if (error !== 0) throw new SyscallError("posix_spawn", error, path);
  return pid[0] ?? -1;
}

/** Descriptors from here on are out of the way of those that the new process gets. */
const firstFree = 10;

function lift(fd: Fd): Fd {
  return new Fd(check(libc.fcntl(fd.number, F_DUPFD_CLOEXEC, firstFree), "fcntl", "F_DUPFD_CLOEXEC"));
}

/** A NULL-terminated array of C strings; `texts` stay alive with it. */
export function stringArray(texts: readonly string[]): { pointers: BigUint64Array; texts: Uint8Array[] } {
  const bytes = texts.map(cstring);
  return {
    pointers: new BigUint64Array([...bytes.map((text) => BigInt(addressOf(text))), 0n]),
    texts: bytes,
  };
}
