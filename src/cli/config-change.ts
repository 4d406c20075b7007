/** Instructions of a Dockerfile on the command line: `-change "ENV NAME=value"`. */
import { CurruntError } from "../base/error.ts";
import type { ImageChange } from "../engine/file-options.ts";
import { splitWords } from "./words.ts";

/** Of commands that make images. */
export const changeFlag = {
  type: "string",
  short: "c",
  repeatable: true,
  metavar: "INSTRUCTION",
  help: "change the image's settings: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME or WORKDIR",
} as const;

type Reader = (rest: string, instruction: string) => ImageChange;

const readers: Readonly<Record<string, Reader | undefined>> = {
  CMD: (rest) => ({ kind: "cmd", args: command(rest) }),
  ENTRYPOINT: (rest) => ({ kind: "entrypoint", args: command(rest) }),
  ENV: (rest, instruction) => ({ kind: "env", values: pairs(rest, instruction) }),
  LABEL: (rest, instruction) => ({ kind: "label", values: pairs(rest, instruction) }),
  EXPOSE: (rest, instruction) => ({ kind: "expose", ports: words(rest, instruction).map(port) }),
  VOLUME: (rest, instruction) => ({ kind: "volume", paths: words(rest, instruction) }),
  USER: (rest, instruction) => ({ kind: "user", value: word(rest, instruction) }),
  WORKDIR: (rest, instruction) => ({ kind: "workdir", value: word(rest, instruction) }),
  STOPSIGNAL: (rest, instruction) => ({ kind: "stopsignal", value: word(rest, instruction) }),
};

/** Reads one instruction. */
export function parseChange(text: string): ImageChange {
  const [, name = "", rest = ""] = /^\s*([A-Za-z]+)(?:\s+(.*?))?\s*$/s.exec(text) ?? [];
  const reader = readers[name.toUpperCase()];
  if (reader === undefined) {
    throw new CurruntError(
      "invalid",
      `flag -change: ${JSON.stringify(text)} is no instruction that an image can take`,
      {
        hint: `it begins with one of ${Object.keys(readers).join(", ")}`,
      },
    );
  }
  return reader(rest, name.toUpperCase());
}

/** A JSON array as it is; anything else is for a shell. Nothing: no command. */
function command(rest: string): readonly string[] | string {
  if (rest === "") return [];
  return rest.startsWith("[") ? splitWords(rest, "-change") : rest;
}

function words(rest: string, instruction: string): string[] {
  const found = splitWords(rest, "-change");
  if (found.length > 0) return found;
  throw new CurruntError("invalid", `flag -change: ${instruction} needs a value`);
}

function word(rest: string, instruction: string): string {
  const [first = "", ...more] = words(rest, instruction);
  if (more.length === 0) return first;
  throw new CurruntError("invalid", `flag -change: ${instruction} takes one value, not ${more.length + 1}`);
}

/** "NAME=value NAME2='a value'", or in the old form "NAME a value". */
function pairs(rest: string, instruction: string): (readonly [string, string])[] {
  const old = /^([^\s=]+)\s+(.*)$/s.exec(rest);
  if (old !== null) return [[old[1] ?? "", old[2] ?? ""]];
  return words(rest, instruction).map((entry) => {
    const equals = entry.indexOf("=");
    if (equals > 0) return [entry.slice(0, equals), entry.slice(equals + 1)] as const;
    throw new CurruntError(
      "invalid",
      `flag -change: ${instruction}: ${JSON.stringify(entry)} is not NAME=value`,
    );
  });
}

function port(text: string): string {
  const match = /^(\d{1,5}(?:-\d{1,5})?)(?:\/(tcp|udp|sctp))?$/i.exec(text);
  const valid =
    match !== null &&
    (match[1] ?? "").split("-").every((number) => Number(number) >= 1 && Number(number) <= 65535);
  if (match !== null && valid) return `${match[1]}/${(match[2] ?? "tcp").toLowerCase()}`;
  throw new CurruntError("invalid", `flag -change: EXPOSE: ${JSON.stringify(text)} is not a port`, {
    hint: "write 80, 80/udp or 8000-8010/tcp",
  });
}
