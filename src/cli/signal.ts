/** Signal names and numbers of Linux, as `kill` and `-stop-signal` take them. */
import { CurruntError } from "../base/error.ts";

/** Index is the number (`man 7 signal`, x86 and ARM). */
const names = [
  ...["", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE"],
  ...["ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ"],
  ...["VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS"],
];
const otherNames = new Map([
  ["IOT", 6],
  ["CLD", 17],
  ["POLL", 29],
]);
const realtimeFirst = 34;
const realtimeLast = 64;

/** "TERM", "sigterm", "15", "RTMIN+3" as a number from 1 to 64. */
export function parseSignal(text: string, flag: string): number {
  const name = text.toUpperCase().replace(/^SIG/, "");
  const number = /^\d+$/.test(text)
    ? Number(text)
    : (realtime(name) ?? otherNames.get(name) ?? names.indexOf(name));
  if (name !== "" && number >= 1 && number <= realtimeLast) return number;
  throw new CurruntError("invalid", `flag ${flag}: ${JSON.stringify(text)} is not a signal`, {
    hint: "write a name such as TERM or a number from 1 to 64",
  });
}

function realtime(name: string): number | undefined {
  const match = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (match === null) return undefined;
  const base = match[1] === "MIN" ? realtimeFirst : realtimeLast;
  const number = base + Number(`${match[2] ?? ""}${match[3] ?? 0}`);
  return number >= realtimeFirst && number <= realtimeLast ? number : 0;
}
