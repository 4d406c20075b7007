/** The streams of a program, as the process that started it sees them: pipes, or a pty's master. */

import { O_CLOEXEC, O_RDONLY } from "../../ffi/kernel.ts";
import type { Fd } from "../sys/fd.ts";
import { pipe } from "../sys/fd.ts";
import { fchown, openat } from "../sys/file.ts";
import { Reader, Writer } from "../sys/stream.ts";
import type { WindowSize } from "../sys/terminal.ts";
import { setWindowSize } from "../sys/terminal.ts";

/** Which of the two a program wrote to; a terminal knows only the first. */
export type OutputStream = "stdout" | "stderr";

/** Pipes for a program without a terminal. */
export interface Pipes {
  /** The program's ends: close them once it runs. */
  readonly program: { readonly stdin: Fd; readonly stdout: Fd; readonly stderr: Fd };
  readonly ours: ProgramEnds;
}

/** Our ends. */
export interface ProgramEnds {
  /** Absent: the program reads /dev/null. With a terminal the master, which is `stdout` too. */
  readonly stdin?: Fd;
  readonly stdout: Fd;
  /** Absent with a terminal. */
  readonly stderr?: Fd;
}

/**
 * Makes pipes that belong to the program's user, who could otherwise not open /dev/stdout again; without `input`
 * standard input is /dev/null.
 */
export function openPipes({ input, uid, gid }: { input: boolean; uid: number; gid: number }): Pipes {
  const stdin = input ? pipe() : undefined;
  const stdout = pipe();
  const stderr = pipe();
  const program = {
    stdin: stdin?.reader ?? openat(undefined, "/dev/null", O_RDONLY | O_CLOEXEC),
    stdout: stdout.writer,
    stderr: stderr.writer,
  };
  if (uid !== 0 || gid !== 0) {
    if (stdin !== undefined) fchown(program.stdin, uid, gid);
    fchown(program.stdout, uid, gid);
    fchown(program.stderr, uid, gid);
  }
  const ours = { stdout: stdout.reader, stderr: stderr.reader };
  return { program, ours: stdin === undefined ? ours : { ...ours, stdin: stdin.writer } };
}

/** Closes the program's ends, so that ours see the end when the program closes them. */
export function closeProgramEnds({ program }: Pipes): void {
  program.stdin.close();
  program.stdout.close();
  program.stderr.close();
}

/** What a program's streams call. */
export interface ProgramHandlers {
  /** The bytes are valid during the call only. */
  readonly onOutput: (stream: OutputStream, bytes: Uint8Array) => void;
  /** All input that was given has been taken. */
  readonly onInputTaken: () => void;
}

/** Reads what a program writes and writes what it reads; owns our ends. */
export class ProgramStreams implements Disposable {
  readonly #ends: ProgramEnds;
  readonly #terminal: boolean;
  readonly #readers: Reader[];
  #input: Writer | undefined;
  #inputEnded = false;

  constructor(ends: ProgramEnds, { onOutput, onInputTaken }: ProgramHandlers) {
    this.#ends = ends;
    this.#terminal = ends.stderr === undefined;
    const read = (fd: Fd, stream: OutputStream) =>
      new Reader(fd, { onData: (bytes) => onOutput(stream, bytes), onEnd: () => {} });
    this.#readers = [read(ends.stdout, "stdout")];
    if (ends.stderr !== undefined) this.#readers.push(read(ends.stderr, "stderr"));
    if (ends.stdin !== undefined) {
      this.#input = new Writer(ends.stdin, () => {
        if (this.#inputEnded) this.#closeInput();
        onInputTaken();
      });
    }
    this.resumeOutput();
  }

  /** Gives the program input; false: it is slow, wait for `onInputTaken`. A program without input takes all. */
  writeInput(bytes: Uint8Array): boolean {
    return this.#input === undefined || this.#inputEnded || this.#input.write(bytes);
  }

  /** Ends the program's input once it has taken what it was given. A terminal's input does not end. */
  endInput(): void {
    if (this.#terminal) return;
    this.#inputEnded = true;
    if (this.#input?.drained === true) this.#closeInput();
  }

  #closeInput(): void {
    this.#input?.[Symbol.dispose]();
    this.#input = undefined;
    this.#ends.stdin?.close();
  }

  resize(size: WindowSize): void {
    if (this.#terminal) setWindowSize(this.#ends.stdout, size);
  }

  pauseOutput(): void {
    for (const reader of this.#readers) reader.pause();
  }

  resumeOutput(): void {
    for (const reader of this.#readers) reader.resume();
  }

  /** Reads one piece of what a program that has ended left behind; false: that was all. */
  readRemainder(): boolean {
    return this.#readers.some((reader) => reader.readOnce());
  }

  [Symbol.dispose](): void {
    for (const reader of this.#readers) reader[Symbol.dispose]();
    this.#input?.[Symbol.dispose]();
    for (const fd of [this.#ends.stdin, this.#ends.stdout, this.#ends.stderr]) fd?.close();
  }
}
