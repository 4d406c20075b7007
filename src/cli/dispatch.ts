/** From the arguments to the exit code: finds the command, loads it, runs it, reports what went wrong. */
import { CurruntError } from "../base/error.ts";
import type { Command } from "./command.ts";
import { commands } from "./commands.ts";
import type { FlagTable } from "./flag.ts";
import { globalFlags } from "./global.ts";
import { commandGroups } from "./groups.ts";
import { sharedName } from "./oci-choice.ts";
import { reported } from "./reported.ts";
import { spellings } from "./spellings.ts";
import { nearest } from "./suggest.ts";
import { tokenize } from "./tokenize.ts";

/** Another command line, with arguments that are its own; resolves to the exit code. */
export type OtherDispatch = (argv: readonly string[]) => Promise<number>;

/**
 * Runs the command line `argv` (without the program's name); resolves to the exit code and never throws. What turns out to
 * be about an OCI container goes to `oci`.
 *
 * Without a library for command lines: citty, which has the tree and loads commands lazily, reads all arguments a second
 * time and wants them reduced to what its parser knows, for 0.6 to 2.1 ms of a start of 6.
 */
export async function dispatch(given: readonly string[], oci: OtherDispatch): Promise<number> {
  const argv = await exactArguments(given);
  if (argv[0] === "remove-ended") {
    const { removeEnded } = await import("./remove-ended.ts");
    return await removeEnded(argv.slice(1));
  }
  return await reported(argv, async () => {
    const name = sharedName(argv);
    if (name !== undefined && (await isOciContainer(name))) return await oci(argv);
    const found = find(argv);
    const command = await found.load();
    return await command.execute(found.argv);
  });
}

/** In `process.argv` arguments that are no UTF-8 have lost their bytes. */
async function exactArguments(argv: readonly string[]): Promise<readonly string[]> {
  if (!argv.some((text) => text.includes("\ufffd"))) return argv;
  const { callerArguments } = await import("./environment.ts");
  return await callerArguments(argv.length);
}

/** Asked for commands that both the engine and the OCI runtime have. */
async function isOciContainer(id: string): Promise<boolean> {
  return await (await import("./oci-known.ts")).isOciContainer(id);
}

const beforeCommand = {
  ...globalFlags,
  help: { ...globalFlags.help, short: "h" },
  version: { type: "boolean", short: "v", help: "show the version" },
} as const satisfies FlagTable;

interface Found {
  readonly load: () => Promise<Command>;
  /** The global flags that stood before the command's name, then what followed it. */
  readonly argv: readonly string[];
}

function find(argv: readonly string[]): Found {
  // The usual case, without a look at flags: the command comes first.
  const direct = lookUp(argv);
  if (direct !== undefined) return direct;
  const { given, positionals } = tokenize(beforeCommand, argv, {
    stopAtPositional: true,
    environment: process.env,
    help: "currunt help",
  });
  const [name] = given.has("version") ? ["version"] : positionals;
  if (given.has("help") || name === undefined) return { load: overview(given.has("help")), argv: [] };
  const found = lookUp(given.has("version") ? [name] : positionals);
  if (given.has("version")) return { load: found?.load ?? overview(false), argv: [] };
  if (found === undefined) throw unknownCommand(positionals);
  const before = argv.slice(0, argv.length - positionals.length);
  return {
    load: found.load,
    argv: [...(before.at(-1) === "--" ? before.slice(0, -1) : before), ...found.argv],
  };
}

/** The command that `words` begin with: one word, or a group's name and one. */
function lookUp(words: readonly string[]): Found | undefined {
  const [first = "", second] = words;
  if (Object.hasOwn(commands, first)) return entryOf(first, words.slice(1));
  if (second === undefined) return undefined;
  const pair = `${first} ${second}`;
  if (Object.hasOwn(commands, pair)) return entryOf(pair, words.slice(2));
  const [meant = "", ...implied] = Object.hasOwn(spellings, pair) ? (spellings[pair] ?? []) : [];
  return entryOf(meant, [...implied, ...words.slice(2)]);
}

function entryOf(name: string, argv: readonly string[]): Found | undefined {
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  return entry && { load: entry.load, argv };
}

/** Without a command the overview is an answer when it was asked for, and an error (exit code 125) otherwise. */
function overview(asked: boolean): () => Promise<Command> {
  return async () =>
    asked ? (await import("./help-command.ts")).help : (await import("./help-command.ts")).missing;
}

function unknownCommand([first = "", second]: readonly string[]): CurruntError {
  const members = commandGroups().get(first);
  if (members !== undefined && second === undefined) {
    return new CurruntError("invalid", `command ${JSON.stringify(first)}: needs another word`, {
      hint: `there are ${members.join(", ")}`,
    });
  }
  const name = members === undefined ? first : `${first} ${second}`;
  const near = members === undefined ? nearest(first, Object.keys(commands)) : nearest(second ?? "", members);
  const meant = near === undefined || members === undefined ? near : `${first} ${near}`;
  return new CurruntError(
    "invalid",
    `unknown command ${JSON.stringify(name)}${meant === undefined ? "" : `: did you mean "${meant}"?`}`,
    { hint: members === undefined ? `"currunt help" lists the commands` : `there are ${members.join(", ")}` },
  );
}
