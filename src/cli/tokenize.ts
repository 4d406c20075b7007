/** The tokenizer: a command's arguments read by its flag table into typed values and positionals. */
import { CurruntError } from "../base/error.ts";
import type { Flag, FlagTable, Values } from "./flag.ts";
import { nearest } from "./suggest.ts";
import type { FlagValue } from "./value.ts";
import { readBoolean, readValue } from "./value.ts";

export interface TokenizeOptions {
  /** Where the hint of an unknown flag sends the reader: "currunt help run". */
  readonly help: string;
  /** The first positional ends the flags: all that follows belongs to the container's command. */
  readonly stopAtPositional: boolean;
  /** Where flags with `env` find their value when absent. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Flags that other tools have and this command lacks: name → the reason, told instead of "unknown". */
  readonly absent?: Readonly<Record<string, string>>;
}

export interface Parsed<T extends FlagTable> {
  readonly values: Values<T>;
  /** The flags that stood on the command line itself, by their table name. */
  readonly given: ReadonlySet<string>;
  readonly positionals: readonly string[];
}

/**
 * Reads `argv`. `-name`, `--name`, `-name=value`, `--name value`, `-no-name` and `-name=false` for booleans, short
 * forms and clusters (`-it`, `-p8080:80`, `-e=A=1`), `--` ends the flags. A single dash means the long flag when there is one of
 * that very name, else a cluster. A single-valued flag given again replaces the earlier value, as in docker.
 * Throws CurruntError "invalid" naming the flag, the value and the nearest known name.
 */
export function tokenize<T extends FlagTable>(
  table: T,
  argv: readonly string[],
  options: TokenizeOptions,
): Parsed<T> {
  const { help, absent = {} } = options;
  const reading: Reading = { ...index(table), argv, at: 0, values: new Map(), absent, help };
  const positionals: string[] = [];
  while (reading.at < argv.length) {
    const token = argv[reading.at++] ?? "";
    if (token === "--") {
      positionals.push(...argv.slice(reading.at));
      break;
    }
    if (!isFlag(token)) {
      positionals.push(token);
      if (!options.stopAtPositional) continue;
      positionals.push(...argv.slice(reading.at));
      break;
    }
    readLong(reading, token) || readCluster(reading, token);
  }
  return {
    values: complete(table, reading.values, options.environment),
    given: new Set(reading.values.keys()),
    positionals,
  };
}

/** One flag of the table, found by any of its names. */
interface Entry {
  readonly name: string;
  readonly flag: Flag;
}

interface Reading {
  readonly long: ReadonlyMap<string, Entry>;
  readonly short: ReadonlyMap<string, Entry>;
  readonly argv: readonly string[];
  readonly values: Map<string, FlagValue[]>;
  readonly absent: Readonly<Record<string, string>>;
  readonly help: string;
  /** Index of the next token. */
  at: number;
}

function index(table: FlagTable): Pick<Reading, "long" | "short"> {
  const long = new Map<string, Entry>();
  const short = new Map<string, Entry>();
  for (const [name, flag] of Object.entries(table)) {
    const entry = { name, flag };
    long.set(name, entry);
    for (const alias of flag.aliases ?? []) long.set(alias, entry);
    if (flag.short !== undefined) short.set(flag.short, entry);
  }
  return { long, short };
}

function isFlag(token: string): boolean {
  return token.startsWith("-") && token !== "-";
}

/** Reads the token as a long flag; false when it is none and may be a cluster. */
function readLong(reading: Reading, token: string): boolean {
  const dashes = token.startsWith("--") ? 2 : 1;
  const equals = token.indexOf("=");
  const name = token.slice(dashes, equals === -1 ? undefined : equals);
  const attached = equals === -1 ? undefined : token.slice(equals + 1);
  const entry = reading.long.get(name);
  if (entry !== undefined) {
    give(reading, entry, longValue(reading, entry, token, attached));
    return true;
  }
  const denied = name.startsWith("no-") ? reading.long.get(name.slice(3)) : undefined;
  if (denied?.flag.type === "boolean") {
    const spelling = token.slice(0, equals === -1 ? undefined : equals);
    give(reading, denied, attached === undefined ? false : !readBoolean(attached, spelling));
    return true;
  }
  if (dashes === 2) throw unknown(reading, token);
  return false;
}

function longValue(reading: Reading, entry: Entry, token: string, attached: string | undefined): FlagValue {
  const spelling = attached === undefined ? token : token.slice(0, token.indexOf("="));
  if (attached !== undefined) return readValue(entry.flag, attached, spelling);
  return entry.flag.type === "boolean" || readValue(entry.flag, following(reading, spelling), spelling);
}

/** The next token as a value. One that is a flag's whole name was meant as that flag: the value was forgotten. */
function following(reading: Reading, spelling: string): string {
  const value = reading.argv[reading.at];
  if (value === undefined) throw new CurruntError("invalid", `flag ${spelling}: needs a value`);
  if (value === "--" || (isFlag(value) && reading.long.has(value.replace(/^--?/, "")))) {
    throw new CurruntError("invalid", `flag ${spelling}: needs a value, and ${value} follows`, {
      hint: `if that is the value, write ${spelling}=${value}`,
    });
  }
  reading.at++;
  return value;
}

/** Reads the token as short flags: booleans in a row, the last one may take the rest or the next token as its value. */
function readCluster(reading: Reading, token: string): void {
  refuseMistyped(reading, token);
  for (let at = 1; at < token.length; at++) {
    const entry = reading.short.get(token[at] ?? "");
    if (entry === undefined) throw unknown(reading, token, at);
    const spelling = `-${token[at]}`;
    const rest = token.slice(at + 1);
    if (entry.flag.type === "boolean" && !rest.startsWith("=")) {
      give(reading, entry, true);
      continue;
    }
    const attached = rest.startsWith("=") ? rest.slice(1) : rest;
    const value = rest === "" ? following(reading, spelling) : attached;
    give(reading, entry, readValue(entry.flag, value, spelling));
    return;
  }
}

/** `-userr` is a mistyped `-user`, not `-u serr`: a cluster that takes a value must not look like a long flag. */
function refuseMistyped(reading: Reading, token: string): void {
  const [, word, attached] = /^-([a-z][a-z-]{3,})(=.*)?$/s.exec(token) ?? [];
  if (word === undefined) return;
  if (Object.hasOwn(reading.absent, word)) throw unknown(reading, token);
  const valued = [...word].findIndex((letter) => reading.short.get(letter)?.flag.type !== "boolean");
  const letter = word[valued] ?? "";
  const taker = reading.short.get(letter);
  // `-eterm=x` is what -e is for.
  if (taker === undefined || (attached !== undefined && taker.flag.metavar?.includes("=") === true)) return;
  const meant = nearest(word, reading.long.keys());
  if (meant === undefined) return;
  throw new CurruntError("invalid", `unknown flag -${word}: did you mean -${meant}?`, {
    hint: `to give -${letter} the value ${JSON.stringify(token.slice(valued + 2))}, separate the two by a space`,
  });
}

function give(reading: Reading, { name, flag }: Entry, value: FlagValue): void {
  const earlier = flag.repeatable === true ? (reading.values.get(name) ?? []) : [];
  reading.values.set(name, [...earlier, value]);
}

/** `letterAt`: where in a cluster the unknown letter stands. */
function unknown(reading: Reading, token: string, letterAt = 1): CurruntError {
  const spelling = token.replace(/=.*$/s, "");
  const name = spelling.replace(/^--?/, "");
  const reason = Object.hasOwn(reading.absent, name) ? reading.absent[name] : undefined;
  if (reason !== undefined) return new CurruntError("unsupported", `flag ${spelling}: ${reason}`);
  const meant = nearest(name, reading.long.keys());
  if (meant !== undefined) {
    return new CurruntError("invalid", `unknown flag ${spelling}: did you mean -${meant}?`);
  }
  const inside = letterAt > 1 ? ` (there is no -${token[letterAt]} in it)` : "";
  return new CurruntError("invalid", `unknown flag ${spelling}${inside}`, {
    hint: `"${reading.help}" lists the flags`,
  });
}

/** Adds what was not given: from the environment, else the default. */
function complete<T extends FlagTable>(
  table: T,
  given: ReadonlyMap<string, FlagValue[]>,
  environment: TokenizeOptions["environment"],
): Values<T> {
  const values: Record<string, FlagValue | readonly FlagValue[] | undefined> = {};
  for (const [name, flag] of Object.entries(table)) {
    const list = given.get(name);
    const fallback = flag.type === "boolean" ? (flag.default ?? false) : flag.default;
    values[name] =
      flag.repeatable === true ? (list ?? []) : (list?.[0] ?? inherited(flag, environment) ?? fallback);
  }
  // Every value came from readValue() with the flag's own type, which is what Values<T> spells out.
  return values as Values<T>;
}

function inherited(flag: Flag, environment: TokenizeOptions["environment"]): FlagValue | undefined {
  const text = flag.env === undefined ? undefined : environment[flag.env];
  return text === undefined || text === "" || flag.env === undefined
    ? undefined
    : readValue(flag, text, `from ${flag.env}`);
}
