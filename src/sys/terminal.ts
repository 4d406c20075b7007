/** Terminals: whether there is one, its size, raw mode and the way back, pseudo-terminals. */
import {
  BRKINT,
  CS8,
  CSIZE,
  ECHO,
  ECHONL,
  ICANON,
  ICRNL,
  IEXTEN,
  IGNBRK,
  IGNCR,
  INLCR,
  ISIG,
  ISTRIP,
  IXON,
  OPOST,
  PARENB,
  PARMRK,
  TCSADRAIN,
  TIOCGWINSZ,
  TIOCSWINSZ,
  termios,
  VMIN,
  VTIME,
  winsize,
} from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { check } from "./error.ts";
import type { Fd } from "./fd.ts";

/** In characters. */
export interface WindowSize {
  readonly rows: number;
  readonly columns: number;
}

/** Whether descriptor `number` is a terminal. */
export function isTerminal(number: number): boolean {
  return libc.tcgetattr(number, new Uint8Array(termios.size)) === 0;
}

/** The window of the terminal at descriptor `number`; undefined when it is none or does not know. */
export function windowSize(number: number): WindowSize | undefined {
  const size = new Uint8Array(winsize.size);
  if (libc.ioctl_ptr(number, TIOCGWINSZ, size) === -1) return undefined;
  const { ws_row, ws_col } = winsize.unpack(size);
  return ws_row === 0 || ws_col === 0 ? undefined : { rows: ws_row, columns: ws_col };
}

/** Sets the window of a pty; its foreground processes get SIGWINCH when it changes. */
export function setWindowSize(terminal: Fd, { rows, columns }: WindowSize): void {
  const size = winsize.pack({ ws_row: rows, ws_col: columns });
  check(libc.ioctl_ptr(terminal.number, TIOCSWINSZ, size), "ioctl TIOCSWINSZ");
}

/**
 * Sets the terminal at descriptor `number` to raw mode (`man 3 cfmakeraw`), output processing included: each byte
 * passes as it is. Disposing brings back what was; more than once does no harm.
 */
export function rawMode(number: number): Disposable {
  const saved = new Uint8Array(termios.size);
  check(libc.tcgetattr(number, saved), "tcgetattr");
  const before = termios.unpack(saved);
  const c_cc = before.c_cc.slice();
  c_cc[VMIN] = 1;
  c_cc[VTIME] = 0;
  const raw = termios.pack({
    ...before,
    c_iflag: before.c_iflag & ~inputProcessing,
    c_oflag: before.c_oflag & ~OPOST,
    c_lflag: before.c_lflag & ~(ECHO | ECHONL | ICANON | ISIG | IEXTEN),
    c_cflag: (before.c_cflag & ~(CSIZE | PARENB)) | CS8,
    c_cc,
  });
  check(libc.tcsetattr(number, TCSADRAIN, raw), "tcsetattr");
  return {
    [Symbol.dispose]() {
      // The terminal may be gone by now: then there is nothing to bring back.
      libc.tcsetattr(number, TCSADRAIN, saved);
    },
  };
}

const inputProcessing = IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON;
