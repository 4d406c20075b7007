/** Writes a container's log in the CRI format: time, stream, F for a full line or P for a part, the text. */

import { O_APPEND, O_CLOEXEC, O_CREAT, O_WRONLY } from "../../ffi/kernel.ts";
import type { Fd } from "../sys/fd.ts";
import { openat, writeAll } from "../sys/file.ts";
import type { OutputStream } from "./stdio.ts";

const newline = 10;
/** "2026-01-31T12:34:56.789000000Z stdout F " */
const prefixBytes = 40;

/** Appends to the log at one path. */
export class LogWriter implements Disposable {
  readonly #file: Fd;
  readonly #lines = Buffer.allocUnsafe(64 * 1024);
  #used = 0;

  constructor(path: string) {
    this.#file = openat(undefined, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600);
  }

  /**
   * Appends what came from one read. Text without a newline is written at once as a part: a prompt is seen while
   * the program waits. Throws when the disk is full.
   */
  append(stream: OutputStream, bytes: Uint8Array, now: Date = new Date()): void {
    // Nanoseconds for readers that parse a fixed form; the clock is asked once a read.
    const stamp = `${now.toISOString().slice(0, -1)}000000Z ${stream} `;
    for (let at = 0; at < bytes.length; ) {
      const end = bytes.indexOf(newline, at);
      const full = end !== -1;
      this.#add(`${stamp}${full ? "F" : "P"} `, bytes.subarray(at, full ? end : bytes.length));
      at = full ? end + 1 : bytes.length;
    }
    this.#flush();
  }

  #add(prefix: string, text: Uint8Array): void {
    const size = prefixBytes + text.length + 1;
    if (this.#used + size > this.#lines.length) this.#flush();
    if (size > this.#lines.length) {
      writeAll(this.#file, Buffer.concat([Buffer.from(prefix), text, Buffer.of(newline)]));
      return;
    }
    this.#used += this.#lines.write(prefix, this.#used, "latin1");
    this.#lines.set(text, this.#used);
    this.#used += text.length;
    this.#lines[this.#used++] = newline;
  }

  #flush(): void {
    if (this.#used > 0) writeAll(this.#file, this.#lines.subarray(0, this.#used));
    this.#used = 0;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
