/** Runs a program to its end, with a text as its input, and keeps what it prints: for small programs of the host's. */
import {
  AT_FDCWD,
  CLOSE_RANGE_CLOEXEC,
  MFD_CLOEXEC,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  POLLIN,
  pollfd,
  SEEK_SET,
  SIGKILL,
} from "../../ffi/kernel.ts";
import { errno, libc } from "../../ffi/libc.ts";
import { cstring } from "../../ffi/memory.ts";
import { decodeText, encodeText } from "../../ffi/text.ts";
import { check, SyscallError } from "./error.ts";
import { Fd, pipe } from "./fd.ts";
import { writeAll } from "./file.ts";
import type { ProcessEnd } from "./process.ts";
import { openProcess, waitForEnd } from "./process.ts";
import { spawn, spawnImage } from "./spawn.ts";

export interface ProgramRun {
  readonly path: string;
  readonly args: readonly string[];
  /** All of its environment. */
  readonly environment: readonly string[];
  /** Where it runs; absolute. */
  readonly directory: string;
  readonly input: string;
  /** 0: it may take as long as it likes. Then it is killed, with all of its process group. */
  readonly timeoutMs: number;
  /** The shim's image, in whose care it is killed when this process dies; else it goes on then. */
  readonly guard?: Fd | undefined;
}

export interface ProgramEnd {
  /** undefined: it took too long. */
  readonly end: ProcessEnd | undefined;
  /** The first 64 KiB of its output and error output. */
  readonly output: string;
}

const outputKept = 65536;
const EINTR = 4;

/** Blocks until the program has ended; what it leaves behind may go on. Throws when it cannot be executed. */
export function runProgram(program: ProgramRun): ProgramEnd {
  const { directory, input, timeoutMs } = program;
  using stdin = memoryFile(input);
  const { reader, writer } = pipe();
  using output = reader;
  let pid: number;
  {
    using far = writer;
    closeOnExec();
    pid = inDirectory(directory, () => start(program, stdin, far));
  }
  using pidfd = openProcess(pid);
  const deadline = timeoutMs === 0 ? undefined : performance.now() + timeoutMs;
  const chunks: Buffer[] = [];
  const inTime = collect(output, pidfd, chunks, deadline);
  if (!inTime) libc.kill(-pid, SIGKILL);
  const ended = waitForEnd(pid);
  const text = decodeText(Buffer.concat(chunks).subarray(0, outputKept));
  return { end: inTime ? ended?.end : undefined, output: text };
}

function start({ path, args, environment, guard }: ProgramRun, input: Fd, output: Fd): number {
  if (guard === undefined) {
    return spawn({ path, args, environment, descriptors: [input, output, output], ownGroup: true });
  }
  const { reader, writer } = pipe();
  using status = reader;
  let pid: number;
  {
    using socket = writer;
    const stdio = { stdin: input, stdout: output, stderr: output };
    const guarded = ["currunt", "guard", String(process.pid), path, ...args];
    pid = spawnImage({ image: guard, stdio, socket, args: guarded, environment, ownGroup: true });
  }
  const error = new Int32Array(1);
  // The end of the pipe: the program runs.
  if (readWhole(status, error) === 0) return pid;
  waitForEnd(pid);
  throw new SyscallError("execve", error[0] ?? 0, path);
}

function readWhole(pipe: Fd, to: Int32Array): number {
  const length = libc.read(pipe.number, to, to.byteLength);
  return length === -1 && errno() === EINTR ? readWhole(pipe, to) : check(length, "read");
}

/** A file in memory, at its start: unlike a pipe it never fails the writer when nobody reads. */
function memoryFile(text: string): Fd {
  const file = new Fd(check(libc.memfd_create(cstring("input"), MFD_CLOEXEC), "memfd_create"));
  writeAll(file, encodeText(text));
  check(libc.lseek(file.number, 0, SEEK_SET), "lseek");
  return file;
}

/** What our own caller has open is not for others. Before Linux 5.11 there is no such flag. */
function closeOnExec(): void {
  libc.close_range(3, 0xffffffff, CLOSE_RANGE_CLOEXEC);
}

/** posix_spawn(3) has no portable way to change the directory: we change our own, and come back. */
function inDirectory<T>(directory: string, action: () => T): T {
  const number = libc.open(cstring("."), O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  using before = number === -1 ? undefined : new Fd(number);
  check(libc.chdir(cstring(directory)), "chdir", directory);
  try {
    return action();
  } finally {
    if (before !== undefined) libc.fchdir(before.number);
  }
}

/** Reads until the process ends; false when it has not by `deadline`. What it has left in the pipe then is read too. */
function collect(output: Fd, pidfd: Fd, chunks: Buffer[], deadline: number | undefined): boolean {
  let open = true;
  for (;;) {
    const left = deadline === undefined ? -1 : Math.max(0, Math.ceil(deadline - performance.now()));
    const [ended, readable] = waitForEither(pidfd, open ? output : undefined, left);
    if (readable) open = read(output, chunks);
    else if (ended) return true;
    else if (left === 0) return false;
  }
}

function waitForEither(first: Fd, second: Fd | undefined, timeoutMs: number): [boolean, boolean] {
  const asked = Buffer.concat([
    pollfd.pack({ fd: first.number, events: POLLIN }),
    pollfd.pack({ fd: second === undefined ? -1 : second.number, events: POLLIN }),
  ]);
  const ready = libc.poll(asked, 2, timeoutMs);
  if (ready === -1 && errno() !== EINTR) throw new SyscallError("poll", errno());
  if (ready <= 0) return [false, false];
  const happened = (index: number) => pollfd.unpack(asked.subarray(index * pollfd.size)).revents !== 0;
  return [happened(0), happened(1)];
}

/** False at the end of the pipe. */
function read(output: Fd, chunks: Buffer[]): boolean {
  const chunk = Buffer.allocUnsafe(4096);
  const length = check(libc.read(output.number, chunk, chunk.length), "read");
  const kept = chunks.reduce((sum, { length }) => sum + length, 0);
  if (kept < outputKept) chunks.push(chunk.subarray(0, length));
  return length > 0;
}

const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const X_OK = 1;

/** Where a program of the host's is: in our PATH, or where such programs usually are. */
export function findProgram(name: string): string | undefined {
  const directories = `${process.env["PATH"] ?? ""}:${usualPath}`
    .split(":")
    .filter((part) => part.startsWith("/"));
  return directories
    .map((directory) => `${directory}/${name}`)
    .find((path) => libc.faccessat(AT_FDCWD, cstring(path), X_OK, 0) === 0);
}
