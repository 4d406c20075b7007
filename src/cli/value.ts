/** Flag values: booleans, numbers, durations and sizes read from text, refused with the form that is wanted. */
import { CurruntError } from "../base/error.ts";
import type { Flag } from "./flag.ts";

/** One value as the table holds it. */
export type FlagValue = string | number | boolean;

/** `text` read as the flag's type; `spelling` is the flag as the user wrote it, for the message. */
export function readValue(flag: Flag, text: string, spelling: string): FlagValue {
  if (flag.choices !== undefined && !flag.choices.includes(text)) {
    throw refused(spelling, text, `one of ${flag.choices.join(", ")}`);
  }
  return readers[flag.type](text, spelling);
}

const readers = {
  boolean: readBoolean,
  string: (text: string) => text,
  number: readNumber,
  duration: readDuration,
  size: readSize,
};

const yes = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const no = new Set(["0", "f", "F", "false", "FALSE", "False"]);

/** The words that docker's command line takes for a boolean. */
export function readBoolean(text: string, spelling: string): boolean {
  if (yes.has(text)) return true;
  if (no.has(text)) return false;
  throw refused(spelling, text, "true or false");
}

function readNumber(text: string, spelling: string): number {
  const number = /^[-+]?(\d+(\.\d*)?|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(number)) throw refused(spelling, text, "a number");
  return number;
}

const millisecondsPer = new Map([
  ["us", 0.001],
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

/** "10" (seconds), "1m30s", "250ms" in milliseconds; "-1" stays negative: "for ever" where a command says so. */
export function readDuration(text: string, spelling: string): number {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(us|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) {
    throw refused(spelling, text, "a duration such as 10, 1m30s or 250ms");
  }
  return parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * (millisecondsPer.get(unit ?? "") ?? 0),
    0,
  );
}

const powerOf1024 = new Map([
  ["", 0],
  ["b", 0],
  ["k", 1],
  ["m", 2],
  ["g", 3],
  ["t", 4],
  ["p", 5],
]);

/** "64m", "1.5GiB", "512" in bytes; a unit is a power of 1024, as docker reads it. "-1" stays: "no limit". */
export function readSize(text: string, spelling: string): number {
  if (text === "-1") return -1;
  const match = /^(\d+(?:\.\d+)?) ?(?:([bkmgtp])?(?:(?<=[kmgtp])i?b)?)$/.exec(text.toLowerCase());
  const power = match === null ? undefined : powerOf1024.get(match[2] ?? "");
  if (match === null || power === undefined) {
    throw refused(spelling, text, "a size in bytes or with a unit, such as 64m or 1.5g");
  }
  return Math.floor(Number(match[1]) * 1024 ** power);
}

function refused(spelling: string, text: string, wanted: string): CurruntError {
  return new CurruntError("invalid", `flag ${spelling}: ${JSON.stringify(text)} is not ${wanted}`);
}
