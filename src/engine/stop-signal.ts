/** Signals as image configs name them. */
import { CurruntError } from "../base/error.ts";

const SIGTERM = 15;

/** "SIGQUIT", "QUIT", "3", "RTMIN+3"; empty: TERM. */
export function parseStopSignal(text: string): number {
  if (text === "") return SIGTERM;
  const name = text.toUpperCase().replace(/^SIG/, "");
  const realtime = /^RT(MIN\+|MAX-)(\d+)$/.exec(name);
  // The C library keeps the first two real-time signals for itself (man 7 signal).
  if (realtime !== null) return realtime[1] === "MIN+" ? 34 + Number(realtime[2]) : 64 - Number(realtime[2]);
  const number = /^\d+$/.test(name)
    ? Number(name)
    : Object.entries(process.getBuiltinModule("node:os").constants.signals).find(
        ([known]) => known === `SIG${name}`,
      )?.[1];
  if (number !== undefined && number >= 1 && number <= 64) return number;
  throw new CurruntError("invalid", `read the image's stop signal ${JSON.stringify(text)}: unknown`, {
    hint: "give another one with -stop-signal",
  });
}
