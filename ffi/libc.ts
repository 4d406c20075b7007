/** The C library: every function and system call that currunt makes, linked on first use, and `errno()`. */

import type { Pointer } from "bun:ffi";
import { dlopen, read } from "bun:ffi";

type ArgumentType = "i16" | "i32" | "u32" | "i64" | "u64" | "ptr";
interface Signature {
  readonly args: readonly ArgumentType[];
  readonly returns: "i32" | "u32" | "i64_fast" | "ptr";
}
/** What a call takes: a pointer is an array, an address that was read from memory, or null. */
type ArgumentValue<T extends ArgumentType> = T extends "ptr"
  ? NodeJS.TypedArray | number | null
  : T extends "i64" | "u64"
    ? number | bigint
    : number;

/**
 * Signatures are those of the man pages: fd, pid and flags `i32`/`u32`, size_t and unsigned long `u64`,
 * ssize_t and long `i64_fast`, every pointer `ptr`. Variadic functions (`ioctl`, `fcntl`, `prctl`) are listed once
 * a shape, under a name with the shape as its suffix.
 */
const functions = {
  // Files
  open: { args: ["ptr", "i32", "u32"], returns: "i32" },
  openat: { args: ["i32", "ptr", "i32", "u32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  read: { args: ["i32", "ptr", "u64"], returns: "i64_fast" },
  write: { args: ["i32", "ptr", "u64"], returns: "i64_fast" },
  lseek: { args: ["i32", "i64", "i32"], returns: "i64_fast" },
  pipe2: { args: ["ptr", "i32"], returns: "i32" },
  dup3: { args: ["i32", "i32", "i32"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i64"], returns: "i32" },
  fcntl_ptr: { symbol: "fcntl", args: ["i32", "i32", "ptr"], returns: "i32" },
  flock: { args: ["i32", "i32"], returns: "i32" },
  fsync: { args: ["i32"], returns: "i32" },
  pread: { args: ["i32", "ptr", "u64", "i64"], returns: "i64_fast" },
  pwrite: { args: ["i32", "ptr", "u64", "i64"], returns: "i64_fast" },
  ftruncate: { args: ["i32", "i64"], returns: "i32" },
  mmap: { args: ["ptr", "u64", "i32", "i32", "i32", "i64"], returns: "i64_fast" },
  mprotect: { args: ["ptr", "u64", "i32"], returns: "i32" },
  statfs: { args: ["ptr", "ptr"], returns: "i32" },
  fstatfs: { args: ["i32", "ptr"], returns: "i32" },
  mkdirat: { args: ["i32", "ptr", "u32"], returns: "i32" },
  mknodat: { args: ["i32", "ptr", "u32", "u64"], returns: "i32" },
  symlinkat: { args: ["ptr", "i32", "ptr"], returns: "i32" },
  linkat: { args: ["i32", "ptr", "i32", "ptr", "i32"], returns: "i32" },
  unlinkat: { args: ["i32", "ptr", "i32"], returns: "i32" },
  renameat: { args: ["i32", "ptr", "i32", "ptr"], returns: "i32" },
  readlinkat: { args: ["i32", "ptr", "ptr", "u64"], returns: "i64_fast" },
  fchmod: { args: ["i32", "u32"], returns: "i32" },
  fchmodat: { args: ["i32", "ptr", "u32", "i32"], returns: "i32" },
  fchown: { args: ["i32", "u32", "u32"], returns: "i32" },
  faccessat: { args: ["i32", "ptr", "i32", "i32"], returns: "i32" },
  fchownat: { args: ["i32", "ptr", "u32", "u32", "i32"], returns: "i32" },
  utimensat: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },
  futimens: { args: ["i32", "ptr"], returns: "i32" },
  posix_fallocate: { args: ["i32", "i64", "i64"], returns: "i32" },
  getxattr: { args: ["ptr", "ptr", "ptr", "u64"], returns: "i64_fast" },
  lgetxattr: { args: ["ptr", "ptr", "ptr", "u64"], returns: "i64_fast" },
  llistxattr: { args: ["ptr", "ptr", "u64"], returns: "i64_fast" },
  lsetxattr: { args: ["ptr", "ptr", "ptr", "u64", "i32"], returns: "i32" },
  lremovexattr: { args: ["ptr", "ptr"], returns: "i32" },
  fgetxattr: { args: ["i32", "ptr", "ptr", "u64"], returns: "i64_fast" },
  flistxattr: { args: ["i32", "ptr", "u64"], returns: "i64_fast" },
  fsetxattr: { args: ["i32", "ptr", "ptr", "u64", "i32"], returns: "i32" },
  fremovexattr: { args: ["i32", "ptr"], returns: "i32" },
  chdir: { args: ["ptr"], returns: "i32" },
  fchdir: { args: ["i32"], returns: "i32" },
  umask: { args: ["u32"], returns: "u32" },
  chroot: { args: ["ptr"], returns: "i32" },
  // Mounts and namespaces
  mount: { args: ["ptr", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
  umount2: { args: ["ptr", "i32"], returns: "i32" },
  unshare: { args: ["i32"], returns: "i32" },
  setns: { args: ["i32", "i32"], returns: "i32" },
  // Processes and signals
  posix_spawn: {
    args: ["ptr", "ptr", "ptr", "ptr", "ptr", "ptr"],
    returns: "i32",
  },
  posix_spawn_file_actions_init: { args: ["ptr"], returns: "i32" },
  posix_spawn_file_actions_adddup2: {
    args: ["ptr", "i32", "i32"],
    returns: "i32",
  },
  posix_spawn_file_actions_destroy: { args: ["ptr"], returns: "i32" },
  posix_spawnattr_init: { args: ["ptr"], returns: "i32" },
  posix_spawnattr_setflags: { args: ["ptr", "i16"], returns: "i32" },
  posix_spawnattr_setsigmask: { args: ["ptr", "ptr"], returns: "i32" },
  posix_spawnattr_setsigdefault: { args: ["ptr", "ptr"], returns: "i32" },
  posix_spawnattr_destroy: { args: ["ptr"], returns: "i32" },
  waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" },
  kill: { args: ["i32", "i32"], returns: "i32" },
  setrlimit: { args: ["i32", "ptr"], returns: "i32" },
  prlimit: { args: ["i32", "i32", "ptr", "ptr"], returns: "i32" },
  prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
  sigprocmask: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  _exit: { args: ["i32"], returns: "i32" },
  setsid: { args: [], returns: "i32" },
  getuid: { args: [], returns: "u32" },
  geteuid: { args: [], returns: "u32" },
  // Terminals
  ioctl_ptr: { symbol: "ioctl", args: ["i32", "u64", "ptr"], returns: "i32" },
  ioctl_int: { symbol: "ioctl", args: ["i32", "u64", "i64"], returns: "i32" },
  tcgetattr: { args: ["i32", "ptr"], returns: "i32" },
  tcsetattr: { args: ["i32", "i32", "ptr"], returns: "i32" },
  // Sockets
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  shutdown: { args: ["i32", "i32"], returns: "i32" },
  sendmsg: { args: ["i32", "ptr", "i32"], returns: "i64_fast" },
  recvmsg: { args: ["i32", "ptr", "i32"], returns: "i64_fast" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  eventfd: { args: ["u32", "i32"], returns: "i32" },
  poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
} as const satisfies Record<string, Signature & { symbol?: string }>;

/**
 * System calls that glibc 2.17 does not wrap, by number. From 424 on the numbers are the same on every
 * architecture (`man 2 syscalls`); older ones give both.
 */
const systemCalls = {
  getdents64: { number: { x64: 217, arm64: 61 }, args: ["i32", "ptr", "u64"] },
  copy_file_range: {
    number: { x64: 326, arm64: 285 },
    args: ["i32", "ptr", "i32", "ptr", "u64", "u32"],
  },
  statx: {
    number: { x64: 332, arm64: 291 },
    args: ["i32", "ptr", "i32", "u32", "ptr"],
  },
  execveat: { number: { x64: 322, arm64: 281 }, args: ["i32", "ptr", "ptr", "ptr", "i32"] },
  memfd_create: { number: { x64: 319, arm64: 279 }, args: ["ptr", "u32"] },
  bpf: { number: { x64: 321, arm64: 280 }, args: ["i32", "ptr", "u32"] },
  pidfd_send_signal: { number: 424, args: ["i32", "i32", "ptr", "u32"] },
  open_tree: { number: 428, args: ["i32", "ptr", "u32"] },
  move_mount: { number: 429, args: ["i32", "ptr", "i32", "ptr", "u32"] },
  fsopen: { number: 430, args: ["ptr", "u32"] },
  fsconfig: { number: 431, args: ["i32", "u32", "ptr", "ptr", "i32"] },
  fsmount: { number: 432, args: ["i32", "u32", "u32"] },
  pidfd_open: { number: 434, args: ["i32", "u32"] },
  pidfd_getfd: { number: 438, args: ["i32", "i32", "u32"] },
  close_range: { number: 436, args: ["u32", "u32", "u32"] },
  openat2: { number: 437, args: ["i32", "ptr", "ptr", "u64"] },
  mount_setattr: { number: 442, args: ["i32", "ptr", "u32", "ptr", "u64"] },
} as const satisfies Record<
  string,
  {
    number: number | { x64: number; arm64: number };
    args: readonly ArgumentType[];
  }
>;

type Arguments<A extends readonly ArgumentType[]> = {
  -readonly [I in keyof A]: ArgumentValue<A[I]>;
};
type Calls<T extends Record<string, { args: readonly ArgumentType[] }>> = {
  readonly [K in keyof T]: (...values: Arguments<T[K]["args"]>) => number;
};

if (new Uint8Array(new Uint16Array([1]).buffer)[0] !== 1)
  throw new Error("currunt supports little-endian 64-bit machines only");

/** The C library's file name: glibc's, or musl's for this machine. */
const library = openLibrary();

function openLibrary(): string {
  const names = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];
  for (const name of names) {
    try {
      dlopen(name, { getpid: { args: [], returns: "i32" } });
      return name;
    } catch {
      // Not this C library: try the other.
    }
  }
  throw new Error(`cannot load the C library: neither ${names.join(" nor ")} was found`);
}

type Call = (...values: unknown[]) => number;

function link(symbol: string, args: readonly string[], returns: Signature["returns"]): Call {
  return dlopen(library, {
    [symbol]: { args: [...args] as never, returns: returns as never },
  }).symbols[symbol] as never;
}

/** Who needs one of a group needs most of it, and one call links ten functions in the time of four. */
const groups = [
  "openat close read write fcntl mkdirat",
  "socketpair sendmsg recvmsg poll renameat unlinkat posix_spawn posix_spawn_file_actions_init posix_spawn_file_actions_adddup2 posix_spawn_file_actions_destroy posix_spawnattr_init posix_spawnattr_setflags posix_spawnattr_setsigmask posix_spawnattr_setsigdefault posix_spawnattr_destroy",
].map((names) => names.split(" ") as (keyof typeof functions)[]);

function linkGroup(names: readonly (keyof typeof functions)[]): void {
  const { symbols } = dlopen(
    library,
    Object.fromEntries(names.map((name) => [name, functions[name]])) as never,
  );
  for (const [name, value] of Object.entries(symbols)) Object.defineProperty(linked, name, { value });
}

/** Links a function when it is first asked for: most runs use few of them. */
const linked: object = Object.create(
  new Proxy(
    {},
    {
      get(_, name) {
        const group = groups.find((names) => names.includes(name as never));
        if (group !== undefined) {
          linkGroup(group);
          return linked[name as never];
        }
        const value = typeof name === "string" ? linkByName(name) : undefined;
        // From now on the property is found before the proxy is asked.
        if (value !== undefined) Object.defineProperty(linked, name, { value });
        return value;
      },
    },
  ),
);

function linkByName(name: string): Call | undefined {
  if (Object.hasOwn(functions, name)) {
    const { args, returns, ...rest } = functions[name as keyof typeof functions];
    return link("symbol" in rest ? rest.symbol : name, args, returns);
  }
  if (!Object.hasOwn(systemCalls, name)) return undefined;
  const { number, args } = systemCalls[name as keyof typeof systemCalls];
  const nr = typeof number === "number" ? number : number[process.arch as "x64" | "arm64"];
  const call = link("syscall", ["i64", ...args], "i64_fast");
  return (...values: unknown[]) => call(nr, ...values);
}

/** libc, a property a function. A call returns what C returns: the caller checks for -1 and reads `errno()` at once. */
export const libc = linked as Calls<typeof functions> & Calls<typeof systemCalls>;

/** Address of this thread's errno: fixed for the life of the thread, so it is asked for once. */
const errnoLocation = link("__errno_location", [], "ptr")() as Pointer;

/** The error number of the last failed call of this thread. Read it before anything else runs (`man 3 errno`). */
export function errno(): number {
  return read.i32(errnoLocation);
}
