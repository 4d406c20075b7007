/** The caller's own standard streams in a session: output that may be slow, input, raw mode, window, signals. */
import {
  O_NOCTTY,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  S_IFCHR,
  S_IFIFO,
  S_IFMT,
  S_IFSOCK,
} from "../../ffi/kernel.ts";
import { wrap } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import { Fd } from "../sys/fd.ts";
import { openat, writeAll } from "../sys/file.ts";
import { statat } from "../sys/stat.ts";
import { Reader, Writer } from "../sys/stream.ts";
import type { WindowSize } from "../sys/terminal.ts";
import { isTerminal, rawMode, windowSize } from "../sys/terminal.ts";
import { DetachScanner, defaultDetachKeys } from "./detach.ts";
import type { StreamOptions } from "./options.ts";
import type { OutputStream } from "./stdio.ts";

/** The program at the other end of a session. */
export interface ProgramChannel {
  /** False: wait for `LocalStreams.resumeInput`. */
  readonly writeInput: (bytes: Uint8Array) => boolean;
  readonly endInput: () => void;
  readonly resize: (size: WindowSize) => void;
  readonly signal: (signal: number) => void;
}

/** Why the caller leaves before the program ends. */
export type Leave = { readonly kind: "detached" } | { readonly kind: "left"; readonly exitCode: number };

const proxied = { SIGINT: 2, SIGQUIT: 3, SIGUSR1: 10, SIGUSR2: 12, SIGTERM: 15 } as const;
/** As many signals that ask to end make the caller give up on a program that ignores them. */
const patience = 3;

/** Window of the caller's terminal, where it has one. */
export function callerWindow(): WindowSize | undefined {
  return windowSize(0) ?? windowSize(1);
}

/** The caller's side of one session; disposing brings the terminal back. */
export class LocalStreams implements Disposable {
  readonly #options: StreamOptions;
  readonly #onDrain: () => void;
  readonly #outputs: Record<OutputStream, Output>;
  readonly #undo = new DisposableStack();
  readonly #leaving = Promise.withResolvers<Leave>();
  #input: Reader | undefined;
  #drainWaiters: (() => void)[] = [];

  /** `onDrain`: what was given to `output` has been written. */
  constructor(options: StreamOptions, onDrain: () => void) {
    this.#options = options;
    this.#onDrain = onDrain;
    // Whoever does not wait for it any more need not be told.
    this.left.catch(() => {});
    const drained = () => this.#drained();
    this.#outputs = { stdout: new Output(1, drained), stderr: new Output(2, drained) };
  }

  /** Rejects when the program's output cannot be passed on. Resolves when the caller leaves: detach keys, hang-up, a closed output, or no patience any more. */
  get left(): Promise<Leave> {
    return this.#leaving.promise;
  }

  /** Window of the caller's terminal, where it has one. */
  get size(): WindowSize | undefined {
    return callerWindow();
  }

  /** Writes what the program wrote; false: it is slow, wait for `onDrain`. */
  output(stream: OutputStream, bytes: Uint8Array): boolean {
    const output = this.#outputs[stream];
    let drained = true;
    try {
      drained = output.write(bytes);
    } catch (error) {
      this.#leaving.reject(wrap(error, `pass on what the program wrote to ${stream}`));
    }
    // Nobody reads any more: end as a program in a pipeline does.
    if (output.broken) this.#leaving.resolve({ kind: "left", exitCode: 128 + 13 });
    return drained;
  }

  /**
   * Sets the terminal of an interactive session to raw mode. Before the program's first output is shown: what that asks
   * of the terminal (where the cursor is, say) would be answered by an echo instead of to the program.
   */
  takeTerminal(): void {
    const { interactive, terminal } = this.#options;
    if (interactive && terminal && isTerminal(0)) this.#enterRawMode();
  }

  /** Joins the program: from now on input, window changes and signals reach it. */
  join(channel: ProgramChannel): void {
    this.#proxySignals(channel);
    if (this.#options.terminal) this.#followWindow(channel);
    if (!this.#options.interactive) return;
    this.#readInput(channel);
  }

  resumeInput(): void {
    this.#input?.resume();
  }

  /** Resolves when all output has been written. */
  async flush(): Promise<void> {
    while (!this.#outputs.stdout.drained || !this.#outputs.stderr.drained) {
      await new Promise<void>((resolve) => this.#drainWaiters.push(resolve));
    }
  }

  #drained(): void {
    for (const resolve of this.#drainWaiters.splice(0)) resolve();
    if (this.#outputs.stdout.drained && this.#outputs.stderr.drained) this.#onDrain();
  }

  #enterRawMode(): void {
    let raw = rawMode(0);
    const restore = () => raw[Symbol.dispose]();
    this.#undo.defer(restore);
    // Whatever ends this process in an orderly way, the terminal is as it was.
    process.prependListener("exit", restore);
    this.#undo.defer(() => process.off("exit", restore));
    const resumed = () => {
      // A shell that stopped us set its own modes.
      restore();
      raw = rawMode(0);
    };
    this.#on("SIGCONT", resumed);
  }

  #readInput({ writeInput, endInput }: ProgramChannel): void {
    const { terminal, detachKeys } = this.#options;
    const scanner = new DetachScanner(terminal ? (detachKeys ?? defaultDetachKeys) : new Uint8Array());
    const input = new Reader(this.#undo.use(openOwn(0, O_RDONLY)), {
      onData: (bytes) => {
        const { forward, detached } = scanner.push(bytes);
        if (forward.length > 0 && !writeInput(forward)) input.pause();
        if (detached) this.#leaving.resolve({ kind: "detached" });
      },
      onEnd: endInput,
    });
    this.#undo.use(input);
    this.#input = input;
    input.resume();
  }

  #followWindow({ resize }: ProgramChannel): void {
    const tell = () => {
      const { size } = this;
      if (size !== undefined) resize(size);
    };
    this.#on("SIGWINCH", tell);
    tell();
  }

  #proxySignals({ signal }: ProgramChannel): void {
    let requests = 0;
    for (const [name, number] of Object.entries(proxied)) {
      this.#on(name as NodeJS.Signals, () => {
        if (number === proxied.SIGINT || number === proxied.SIGTERM) requests += 1;
        if (requests >= patience) this.#leaving.resolve({ kind: "left", exitCode: 128 + number });
        else signal(number);
      });
    }
    // The caller's terminal has gone, not the program's: it goes on.
    this.#on("SIGHUP", () => this.#leaving.resolve({ kind: "left", exitCode: 128 + 1 }));
  }

  #on(signal: NodeJS.Signals, handler: () => void): void {
    process.on(signal, handler);
    this.#undo.defer(() => process.off(signal, handler));
  }

  [Symbol.dispose](): void {
    this.#undo[Symbol.dispose]();
    this.#outputs.stdout[Symbol.dispose]();
    this.#outputs.stderr[Symbol.dispose]();
  }
}

/**
 * Our own open file for a standard stream, where that is possible: the inherited one is shared with the shell and must
 * not become non-blocking. Files keep their position, so they are used as they are; they never block for long.
 */
function openOwn(number: number, flags: number): Fd {
  const kind = kindOf(number);
  if (kind === S_IFIFO || (kind === S_IFCHR && isTerminal(number))) {
    try {
      return openat(undefined, `/proc/self/fd/${number}`, flags | O_NONBLOCK | O_NOCTTY);
    } catch (error) {
      // Another user's: then the shared one has to do.
      if (!failedWith(error, "EACCES", "ENXIO", "ENOENT")) throw error;
    }
  }
  return new Fd(number);
}

/** The S_IF… type of an open file. */
function kindOf(number: number): number {
  return statat(new Fd(number), "").mode & S_IFMT;
}

/** Standard output or error. */
class Output implements Disposable {
  readonly #fd: Fd;
  readonly #lent: boolean;
  readonly #writer: Writer | undefined;
  #broken = false;

  constructor(number: number, onDrain: () => void) {
    this.#fd = openOwn(number, O_WRONLY);
    this.#lent = this.#fd.number === number;
    if (!this.#lent || kindOf(number) === S_IFSOCK) this.#writer = new Writer(this.#fd, onDrain);
  }

  get drained(): boolean {
    return this.#writer?.drained ?? true;
  }

  get broken(): boolean {
    return this.#writer?.broken ?? this.#broken;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#writer !== undefined) return this.#writer.write(bytes);
    try {
      writeAll(this.#fd, bytes);
    } catch (error) {
      if (!failedWith(error, "EPIPE", "EBADF")) throw error;
      this.#broken = true;
    }
    return true;
  }

  [Symbol.dispose](): void {
    this.#writer?.[Symbol.dispose]();
    if (this.#lent) this.#fd.release();
    else this.#fd.close();
  }
}
