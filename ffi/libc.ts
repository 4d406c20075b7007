/** The C library: every function and system call that currunt makes, linked on first use, and `errno()`. */

import type { Pointer } from "bun:ffi";
import { dlopen, read } from "bun:ffi";

/**
 * Prototypes as in the man pages: fd, pid and flags `i32`/`u32`, size_t and unsigned long `u64`, ssize_t and long `i64`, every
 * pointer `ptr`. Variadic functions are listed once a shape, under a name with `_ptr` or `_int` for the shape. They are texts because
 * most runs use few of them: as objects all would have to be made first.
 */
const functions = [
  // Files
  "i32 open(ptr i32 u32)",
  "i32 openat(i32 ptr i32 u32)",
  "i32 close(i32)",
  "i64 read(i32 ptr u64)",
  "i64 write(i32 ptr u64)",
  "i64 lseek(i32 i64 i32)",
  "i32 pipe2(ptr i32)",
  "i32 dup3(i32 i32 i32)",
  "i32 fcntl(i32 i32 i64)",
  "i32 fcntl_ptr(i32 i32 ptr)",
  "i32 flock(i32 i32)",
  "i32 fsync(i32)",
  "i64 pread(i32 ptr u64 i64)",
  "i64 pwrite(i32 ptr u64 i64)",
  "i32 ftruncate(i32 i64)",
  "i64 mmap(ptr u64 i32 i32 i32 i64)",
  "i32 mprotect(ptr u64 i32)",
  "i32 statfs(ptr ptr)",
  "i32 fstatfs(i32 ptr)",
  "i32 mkdirat(i32 ptr u32)",
  "i32 mknodat(i32 ptr u32 u64)",
  "i32 symlinkat(ptr i32 ptr)",
  "i32 linkat(i32 ptr i32 ptr i32)",
  "i32 unlinkat(i32 ptr i32)",
  "i32 renameat(i32 ptr i32 ptr)",
  "i64 readlinkat(i32 ptr ptr u64)",
  "i32 fchmod(i32 u32)",
  "i32 fchmodat(i32 ptr u32 i32)",
  "i32 fchown(i32 u32 u32)",
  "i32 faccessat(i32 ptr i32 i32)",
  "i32 fchownat(i32 ptr u32 u32 i32)",
  "i32 utimensat(i32 ptr ptr i32)",
  "i32 futimens(i32 ptr)",
  "i32 posix_fallocate(i32 i64 i64)",
  "i64 getxattr(ptr ptr ptr u64)",
  "i64 lgetxattr(ptr ptr ptr u64)",
  "i64 llistxattr(ptr ptr u64)",
  "i32 lsetxattr(ptr ptr ptr u64 i32)",
  "i32 lremovexattr(ptr ptr)",
  "i64 fgetxattr(i32 ptr ptr u64)",
  "i64 flistxattr(i32 ptr u64)",
  "i32 fsetxattr(i32 ptr ptr u64 i32)",
  "i32 fremovexattr(i32 ptr)",
  "i32 chdir(ptr)",
  "i32 fchdir(i32)",
  "u32 umask(u32)",
  "i32 chroot(ptr)",
  // Mounts and namespaces
  "i32 mount(ptr ptr ptr u64 ptr)",
  "i32 umount2(ptr i32)",
  "i32 unshare(i32)",
  "i32 setns(i32 i32)",
  // Processes and signals
  "i32 posix_spawn(ptr ptr ptr ptr ptr ptr)",
  "i32 posix_spawn_file_actions_init(ptr)",
  "i32 posix_spawn_file_actions_adddup2(ptr i32 i32)",
  "i32 posix_spawn_file_actions_destroy(ptr)",
  "i32 posix_spawnattr_init(ptr)",
  "i32 posix_spawnattr_setflags(ptr i16)",
  "i32 posix_spawnattr_setsigmask(ptr ptr)",
  "i32 posix_spawnattr_setsigdefault(ptr ptr)",
  "i32 posix_spawnattr_destroy(ptr)",
  "i32 waitpid(i32 ptr i32)",
  "i32 kill(i32 i32)",
  "i32 setrlimit(i32 ptr)",
  "i32 prlimit(i32 i32 ptr ptr)",
  "i32 prctl(i32 u64 u64 u64 u64)",
  "i32 sigprocmask(i32 ptr ptr)",
  "i32 _exit(i32)",
  "i32 setsid()",
  "u32 getuid()",
  "u32 geteuid()",
  // Terminals
  "i32 ioctl_ptr(i32 u64 ptr)",
  "i32 ioctl_int(i32 u64 i64)",
  "i32 tcgetattr(i32 ptr)",
  "i32 tcsetattr(i32 i32 ptr)",
  // Sockets
  "i32 socket(i32 i32 i32)",
  "i32 socketpair(i32 i32 i32 ptr)",
  "i32 bind(i32 ptr u32)",
  "i32 connect(i32 ptr u32)",
  "i32 shutdown(i32 i32)",
  "i64 sendmsg(i32 ptr i32)",
  "i64 recvmsg(i32 ptr i32)",
  "i32 setsockopt(i32 i32 i32 ptr u32)",
  "i32 eventfd(u32 i32)",
  "i32 poll(ptr u64 i32)",
  // Errors
  "ptr __errno_location()",
] as const;

/**
 * System calls that glibc 2.17 does not wrap, by number: those of x86-64 and of arm64 where they differ, as they do below 424
 * (`man 2 syscalls`).
 */
const systemCalls = [
  "217 61 getdents64(i32 ptr u64)",
  "326 285 copy_file_range(i32 ptr i32 ptr u64 u32)",
  "332 291 statx(i32 ptr i32 u32 ptr)",
  "322 281 execveat(i32 ptr ptr ptr i32)",
  "319 279 memfd_create(ptr u32)",
  "321 280 bpf(i32 ptr u32)",
  "424 pidfd_send_signal(i32 i32 ptr u32)",
  "428 open_tree(i32 ptr u32)",
  "429 move_mount(i32 ptr i32 ptr u32)",
  "430 fsopen(ptr u32)",
  "431 fsconfig(i32 u32 ptr ptr i32)",
  "432 fsmount(i32 u32 u32)",
  "434 pidfd_open(i32 u32)",
  "438 pidfd_getfd(i32 i32 u32)",
  "436 close_range(u32 u32 u32)",
  "437 openat2(i32 ptr ptr u64)",
  "442 mount_setattr(i32 ptr u32 ptr u64)",
] as const;

/** What a call takes: a pointer is an array, an address that was read from memory, or null. */
interface ArgumentValues {
  i16: number;
  i32: number;
  u32: number;
  i64: number | bigint;
  u64: number | bigint;
  ptr: NodeJS.TypedArray | number | null;
}
type Values<Text extends string> = Text extends `${infer First} ${infer Rest}`
  ? [...Values<First>, ...Values<Rest>]
  : Text extends keyof ArgumentValues
    ? [ArgumentValues[Text]]
    : Text extends ""
      ? []
      : never;
type LastWord<Text extends string> = Text extends `${string} ${infer Rest}` ? LastWord<Rest> : Text;
type Name<Prototype extends string> = Prototype extends `${infer Front}(${string}` ? LastWord<Front> : never;
type Calls<Prototype extends string> = {
  readonly [P in Prototype as Name<P>]: P extends `${string}(${infer Arguments})`
    ? (...values: Values<Arguments>) => number
    : never;
};

if (new Uint8Array(new Uint16Array([1]).buffer)[0] !== 1)
  throw new Error("currunt supports little-endian 64-bit machines only");

type Call = (...values: unknown[]) => number;

// One text each: to search it takes a microsecond.
const functionText = functions.join("\n");
const callText = systemCalls.join("\n");

interface Prototype {
  /** The words in front of the name. */
  readonly front: readonly string[];
  readonly args: readonly string[];
}

/** Undefined when none has that name. */
function findPrototype(text: string, name: string): Prototype | undefined {
  const at = text.indexOf(` ${name}(`);
  if (at < 0) return undefined;
  const args = text.slice(at + name.length + 2, text.indexOf(")", at));
  const front = text.slice(text.lastIndexOf("\n", at) + 1, at);
  return { front: front.split(" "), args: args === "" ? [] : args.split(" ") };
}

/** What is asked of the C library for a name, and how that is called. */
interface Link {
  readonly symbol: string;
  readonly signature: { readonly args: readonly string[]; readonly returns: string };
  /** Of a system call. */
  readonly number?: number;
}

function linkOf(name: string): Link | undefined {
  const own = findPrototype(functionText, name);
  if (own !== undefined) {
    const returns = own.front[0] ?? "";
    // As a number, however large.
    const signature = { args: own.args, returns: returns === "i64" ? "i64_fast" : returns };
    return { symbol: name.replace(/_(?:ptr|int)$/, ""), signature };
  }
  const call = findPrototype(callText, name);
  if (call === undefined) return undefined;
  const number = Number(call.front.at(process.arch === "arm64" ? -1 : 0));
  return { symbol: "syscall", signature: { args: ["i64", ...call.args], returns: "i64_fast" }, number };
}

/** Functions by name, what is none left out. Each must be another symbol: of system calls that is one at most. */
function link(library: string, names: readonly string[]): Record<string, Call> {
  const links = names.flatMap((name) => {
    const found = linkOf(name);
    return found === undefined ? [] : [{ name, ...found }];
  });
  if (links.length === 0) return {};
  const signatures = Object.fromEntries(links.map(({ symbol, signature }) => [symbol, signature]));
  const symbols: Record<string, Call> = dlopen(library, signatures as never).symbols as never;
  return Object.fromEntries(
    links.map(({ name, symbol, number }) => {
      const call = symbols[symbol] as Call;
      return [name, number === undefined ? call : (...values: unknown[]) => call(number, ...values)];
    }),
  );
}

/** Who needs one of a group needs most of it, and one call links ten functions in the time of four. */
const groups = [
  "__errno_location openat close read write fcntl mkdirat",
  "prctl waitpid socketpair sendmsg recvmsg poll renameat unlinkat statx",
  "posix_spawn posix_spawn_file_actions_init posix_spawn_file_actions_adddup2 posix_spawn_file_actions_destroy posix_spawnattr_init posix_spawnattr_setflags posix_spawnattr_setsigmask posix_spawnattr_setsigdefault posix_spawnattr_destroy",
].map((names) => names.split(" "));

/** The C library's file name, glibc's or musl's for this machine, and the functions that are always needed. */
function openLibrary(): [string, Record<string, Call>] {
  const names = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];
  for (const name of names) {
    try {
      return [name, link(name, groups[0] ?? [])];
    } catch {
      // Not this C library: try the other.
    }
  }
  throw new Error(`cannot load the C library: neither ${names.join(" nor ")} was found`);
}

const [library, common] = openLibrary();

/** Links a function when it is first asked for. */
const linked: Record<string, Call> = Object.create(
  new Proxy(
    {},
    {
      get(_, name) {
        if (typeof name !== "string") return undefined;
        const calls = link(library, groups.find((group) => group.includes(name)) ?? [name]);
        keep(calls);
        return calls[name];
      },
    },
  ),
);
keep(common);

/** From now on these are found before the proxy is asked. */
function keep(calls: Readonly<Record<string, Call>>): void {
  for (const [name, value] of Object.entries(calls)) Object.defineProperty(linked, name, { value });
}

/** libc, a property a function. A call returns what C returns: the caller checks for -1 and reads `errno()` at once. */
export const libc = linked as Calls<(typeof functions)[number] | (typeof systemCalls)[number]>;

/** Address of this thread's errno: fixed for the life of the thread, so it is asked for once. */
const errnoLocation = libc.__errno_location() as Pointer;

/** The error number of the last failed call of this thread. Read it before anything else runs (`man 3 errno`). */
export function errno(): number {
  return read.i32(errnoLocation);
}
