/** What the command line asks about the caller's terminal. */
import type { WindowSize } from "../sys/terminal.ts";
import { isTerminal, windowSize } from "../sys/terminal.ts";

const numbers = { stdin: 0, stdout: 1, stderr: 2 } as const;

/** Whether one of the caller's standard streams is a terminal. */
export function isStreamTerminal(stream: keyof typeof numbers): boolean {
  return isTerminal(numbers[stream]);
}

/** The window of the terminal behind a stream, in characters; undefined when there is none or it does not know. */
export function streamWindow(stream: keyof typeof numbers): WindowSize | undefined {
  return windowSize(numbers[stream]);
}
