/** A log file read in entries: from a place to its present end, again and again as it grows. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { LogEntry } from "./log-line.ts";
import { parseLogLine } from "./log-line.ts";

const newline = 10;
const pieceBytes = 256 * 1024;

/** An open log; it can be read to its end although it has been removed meanwhile. */
export class LogFile implements Disposable {
  readonly #number: number;
  #offset = 0;

  constructor(path: string) {
    this.#number = openSync(path, "r");
  }

  /**
   * Goes to where the last `lines` lines begin. A line in parts counts once. Looks at the end of the file only, and at
   * more of it as long as that is not enough.
   */
  seekToTail(lines: number): void {
    const { size } = fstatSync(this.#number);
    for (let span = 64 * 1024; ; span *= 4) {
      const start = Math.max(0, size - span);
      const ends = this.#lineEnds(start, size);
      const last = ends.at(-1) ?? size;
      // What is behind the last full line is a line too: one that has not ended.
      const wanted = last < size ? lines - 1 : lines;
      if (wanted < 0) this.#offset = size;
      else if (ends.length > wanted) this.#offset = ends[ends.length - 1 - wanted] ?? size;
      else if (start > 0) continue;
      else this.#offset = 0;
      return;
    }
  }

  /** Offsets behind each entry in a span of the file that ends a line. */
  #lineEnds(start: number, end: number): number[] {
    const ends: number[] = [];
    for (const { entry, end: offset } of this.#lines(start, end)) if (entry?.full === true) ends.push(offset);
    return ends;
  }

  /** The entries from where the last call stopped to the present end. An unfinished line is left for the next call. */
  *read(): Generator<LogEntry> {
    for (const { entry, end } of this.#lines(this.#offset, fstatSync(this.#number).size)) {
      this.#offset = end;
      if (entry !== undefined) yield entry;
    }
  }

  *#lines(start: number, end: number): Generator<{ entry: LogEntry | undefined; end: number }> {
    let rest: Uint8Array = new Uint8Array();
    let at = start;
    while (at < end) {
      const piece = new Uint8Array(Math.min(pieceBytes, end - at));
      const count = readSync(this.#number, piece, 0, piece.length, at);
      if (count === 0) return;
      const text =
        rest.length === 0 ? piece.subarray(0, count) : Buffer.concat([rest, piece.subarray(0, count)]);
      const base = at - rest.length;
      let from = 0;
      for (let to = text.indexOf(newline); to !== -1; to = text.indexOf(newline, from)) {
        yield { entry: parseLogLine(text.subarray(from, to)), end: base + to + 1 };
        from = to + 1;
      }
      rest = text.subarray(from);
      at += count;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#number);
  }
}
