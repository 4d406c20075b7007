/** Joins the caller's terminal to a container's, as long as a process runs in it. */
import { O_NOCTTY, O_NONBLOCK, O_RDONLY } from "../../ffi/kernel.ts";
import { failedWith } from "../sys/error.ts";
import { Fd } from "../sys/fd.ts";
import { openat, writeAll } from "../sys/file.ts";
import { Reader, Writer } from "../sys/stream.ts";
import { isTerminal, rawMode, setWindowSize, windowSize } from "../sys/terminal.ts";
import { endOf } from "./wait.ts";

/** Passes input, output and window changes on until process `pid`, a child, ends; its exit code. */
export async function relayTerminal(pid: number, terminal: Fd): Promise<number> {
  using undo = new DisposableStack();
  if (isTerminal(0)) restoreAtEnd(undo.use(rawMode(0)));
  followWindow(terminal);
  // The master is written and read by one open file each: a watch belongs to one of them.
  using output = new Reader(terminal, { onData: writeOut, onEnd: () => {} });
  output.resume();
  using _input = passInput(terminal);
  const exitCode = await endOf(pid);
  while (output.readOnce());
  return exitCode;
}

/** Whatever ends this process in an orderly way, the terminal is as it was. */
function restoreAtEnd(raw: Disposable): void {
  process.prependListener("exit", () => raw[Symbol.dispose]());
}

function writeOut(bytes: Uint8Array): void {
  const stdout = new Fd(1);
  try {
    writeAll(stdout, bytes);
  } catch (error) {
    // Nobody reads any more: the program goes on without.
    if (!failedWith(error, "EPIPE", "EBADF")) throw error;
  } finally {
    stdout.release();
  }
}

function followWindow(terminal: Fd): void {
  const tell = () => {
    const size = windowSize(0) ?? windowSize(1);
    if (size !== undefined && !terminal.closed) setWindowSize(terminal, size);
  };
  process.on("SIGWINCH", tell);
  tell();
}

/** Our own open file for standard input: the inherited one is shared with the shell and must stay blocking. */
function passInput(terminal: Fd): Disposable {
  const undo = new DisposableStack();
  const source = openInput();
  if (source === undefined) return undo;
  undo.use(source);
  const again = undo.use(openat(undefined, `/proc/self/fd/${terminal.number}`, 0o2 | O_NONBLOCK | O_NOCTTY));
  const writer = undo.use(new Writer(again, () => reader.resume()));
  const reader: Reader = undo.use(
    new Reader(source, {
      onData: (bytes) => {
        if (!writer.write(bytes)) reader.pause();
      },
      onEnd: () => {},
    }),
  );
  reader.resume();
  return undo;
}

function openInput(): Fd | undefined {
  try {
    return openat(undefined, "/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_NOCTTY);
  } catch (error) {
    // Closed, a socket, or another user's: then there is no input.
    if (failedWith(error, "ENOENT", "ENXIO", "EACCES")) return undefined;
    throw error;
  }
}
