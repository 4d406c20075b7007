/** Lines of the CRI log format, parsed: "2026-01-31T12:34:56.789000000Z stdout F text". */
import type { OutputStream } from "./stdio.ts";

/** One entry of a log. */
export interface LogEntry {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** As it stands in the log. */
  readonly timestamp: string;
  readonly stream: OutputStream;
  /** False: the line goes on in the stream's next entry. */
  readonly full: boolean;
  readonly text: Uint8Array;
}

const space = 32;
const letterF = 70;

/** Parses one line without its newline; undefined for what is none, as after a crash in the middle of a write. */
export function parseLogLine(line: Uint8Array): LogEntry | undefined {
  const first = line.indexOf(space);
  const second = line.indexOf(space, first + 1);
  const third = line.indexOf(space, second + 1);
  if (first < 0 || second < 0 || third < 0) return undefined;
  const timestamp = Buffer.from(line.subarray(0, first)).toString("latin1");
  const stream = Buffer.from(line.subarray(first + 1, second)).toString("latin1");
  const time = Date.parse(timestamp);
  if (Number.isNaN(time) || (stream !== "stdout" && stream !== "stderr")) return undefined;
  // Tags may follow the first, separated by colons (the CRI design).
  return { time, timestamp, stream, full: line[second + 1] === letterF, text: line.subarray(third + 1) };
}
