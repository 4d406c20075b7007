/** `-output FILE|-` of commands whose result is an archive. */
import { isatty } from "node:tty";
import { CurruntError } from "../base/error.ts";
import { OutputClosed } from "./output.ts";

export const outputFlag = {
  type: "string",
  short: "o",
  metavar: "FILE",
  default: "-",
  completes: "file",
  help: 'where it goes; "-" is standard output',
} as const;

/** Runs `act`, which writes to `output`. Refuses a terminal; a reader that has gone is no failure of ours. */
export async function writing(command: string, output: string, act: () => Promise<void>): Promise<void> {
  if (output === "-" && isatty(1)) {
    throw new CurruntError("invalid", `${command}: standard output is a terminal`, {
      hint: `name a file with -output, or pipe it on: "currunt ${command} NAME | tar -t"`,
    });
  }
  try {
    await act();
  } catch (cause) {
    if (output === "-" && cause instanceof Error && "code" in cause && cause.code === "EPIPE") {
      throw new OutputClosed("", { cause });
    }
    throw cause;
  }
}
