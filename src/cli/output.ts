/** Writing results to standard output: text, tables, JSON. Everything else goes to standard error. */
import { CurruntError, recognizeCopies } from "../base/error.ts";

/** Whoever read standard output has gone: nobody is left to tell. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

recognizeCopies(OutputClosed, "OutputClosed");

/** Exit code of a program that wrote to a closed pipe: 128 + SIGPIPE. */
export const brokenPipe = 141;

/** Writes `text` and a newline to standard output; throws OutputClosed when its reader has gone. */
export async function print(text: string): Promise<void> {
  // Bun.write() of nothing to a file would have the next go on at its start (Bun 1.4.5).
  if (text === "") return;
  // Not process.stdout: opening it costs 11 ms (measured), a whole start of a container.
  await told(() => Bun.write(Bun.stdout, text.endsWith("\n") ? text : `${text}\n`));
}

/** Runs a write; a reader that has gone is OutputClosed. */
async function told(write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (cause) {
    const closed = cause instanceof Error && "code" in cause && cause.code === "EPIPE";
    throw closed
      ? new OutputClosed("", { cause })
      : new CurruntError("unavailable", "write to standard output", { cause });
  }
}

/** Writes a line to standard error, at once and as it is: what is no result. */
export function tell(line: string): void {
  // Not console.error: on a terminal Bun paints what it writes red.
  console.warn(line);
}

/**
 * `text` for a terminal: without what would drive it or turn lines around, as messages quote what registries and images
 * say. Line ends and tabs stay.
 */
export function printable(text: string): string {
  return text.replace(/[^\P{C}\n\t]+/gu, " ");
}

/** `value` as indented JSON on standard output. */
export async function printJson(value: unknown): Promise<void> {
  await print(JSON.stringify(value, undefined, 2));
}

/** Columns padded to their widest cell and two blanks between them; no blanks at the ends of lines. */
export function layOut(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, Bun.stringWidth(cell));
    });
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - Bun.stringWidth(cell) + 2))
        .join("")
        .trimEnd(),
    )
    .join("\n");
}
