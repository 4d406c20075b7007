/** Questions to the user at the terminal: a line, and a line that nobody can read over the shoulder. */
import { readSync, writeSync } from "node:fs";
import { CurruntError } from "../base/error.ts";
import { isTerminal, rawMode } from "../sys/terminal.ts";

const [STDIN, STDERR] = [0, 2];
const INTERRUPT = 0x03;
const END = 0x04;
const BACKSPACE = new Set([0x08, 0x7f]);
const KILL_LINE = 0x15;
const LINE_END = new Set([0x0a, 0x0d]);

/** Whether there is somebody to ask. */
export function canPrompt(): boolean {
  return isTerminal(STDIN) && isTerminal(STDERR);
}

/** Asks for a line. Throws "invalid" when the input ends. */
export function promptLine(question: string): string {
  writeSync(STDERR, question);
  const bytes: number[] = [];
  for (let byte = readByte(); byte !== undefined; byte = readByte()) {
    if (LINE_END.has(byte)) return textOf(bytes);
    bytes.push(byte);
  }
  throw ended();
}

/** The same without showing what is typed. The terminal is as before afterwards, also after Ctrl-C. */
export function promptSecret(question: string): string {
  // Raw, before anybody can type: Ctrl-C must not end this process while the echo is off.
  using _raw = rawMode(STDIN);
  writeSync(STDERR, question);
  const bytes: number[] = [];
  for (let byte = readByte(); byte !== undefined && byte !== END; byte = readByte()) {
    if (LINE_END.has(byte)) {
      writeSync(STDERR, "\r\n");
      return textOf(bytes);
    }
    if (byte === INTERRUPT) {
      writeSync(STDERR, "\r\n");
      throw new CurruntError("unavailable", "interrupted by SIGINT", { exitCode: 130 });
    }
    if (byte === KILL_LINE) bytes.length = 0;
    else if (BACKSPACE.has(byte)) eraseCharacter(bytes);
    else bytes.push(byte);
  }
  writeSync(STDERR, "\r\n");
  throw ended();
}

/** Takes the last character away, all bytes of it. */
function eraseCharacter(bytes: number[]): void {
  let last = bytes.pop();
  while (last !== undefined && (last & 0xc0) === 0x80) last = bytes.pop();
}

function readByte(): number | undefined {
  const buffer = new Uint8Array(1);
  return readSync(STDIN, buffer) === 0 ? undefined : buffer[0];
}

function textOf(bytes: readonly number[]): string {
  return Buffer.from(bytes).toString("utf8");
}

function ended(): CurruntError {
  return new CurruntError("invalid", "the input ended before an answer");
}
