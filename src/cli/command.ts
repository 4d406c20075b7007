/** What a command is: its flag table, its words for the help, and the code behind it. */

import { CurruntError } from "../base/error.ts";
import type { FlagTable, Values } from "./flag.ts";
import { globalFlags } from "./global.ts";
import type { Parsed } from "./tokenize.ts";
import { tokenize } from "./tokenize.ts";

/** A command as help, manual, completion and dispatch see it. */
export interface Command {
  readonly name: string;
  /** The forms of the command line after the command's name: "[flags] CONTAINER…". */
  readonly usage: readonly string[];
  /** What it does, in whole sentences; paragraphs are separated by an empty line. */
  readonly description: string;
  readonly examples: readonly Example[];
  /** The command's own flags and the global ones. */
  readonly flags: FlagTable;
  /** What the shell completes for a positional. */
  readonly completes?: "container" | "image" | "command" | undefined;
  /**
   * Parses `argv` (what follows the name, and the global flags before it) and runs; resolves to the exit code, after having
   * reported what went wrong. Throws only what it cannot parse.
   */
  execute(argv: readonly string[]): Promise<number>;
}

export interface Example {
  readonly command: string;
  /** What it is good for; a sentence without a full stop. */
  readonly text: string;
}

/** What a command's code is given. */
export interface Invocation<T extends FlagTable> {
  readonly flags: Values<T & typeof globalFlags>;
  /** The flags that stood on the command line itself. */
  readonly given: ReadonlySet<string>;
  readonly positionals: readonly string[];
}

interface Definition<T extends FlagTable> extends Omit<Command, "flags" | "execute"> {
  readonly flags: T;
  /** How many positionals there must be; absent: any number. */
  readonly positionals?: { readonly min?: number; readonly max?: number; readonly names: string };
  /** The first positional ends the flags (`run`, `exec`). */
  readonly stopAtPositional?: true;
  readonly absent?: Readonly<Record<string, string>>;
  /** Resolves to the exit code; nothing is 0. */
  run(invocation: Invocation<T>): Promise<number | undefined>;
}

/** A command from its table and its code: the code is given values with the table's types. */
export function defineCommand<const T extends FlagTable>(definition: Definition<T>): Command {
  const { name, usage, description, examples, completes } = definition;
  const table = { ...definition.flags, ...globalFlags };
  return {
    name,
    usage,
    description,
    examples,
    completes,
    flags: table,
    async execute(argv) {
      const parsed = tokenize(withShortHelp(table), argv, {
        stopAtPositional: definition.stopAtPositional ?? false,
        environment: process.env,
        help: `currunt help ${name}`,
        ...(definition.absent === undefined ? {} : { absent: definition.absent }),
      });
      if (parsed.given.has("help")) return showHelp(this);
      checkPositionals(definition, parsed);
      const { values: flags, given, positionals } = parsed;
      try {
        return (await definition.run({ flags, given, positionals })) ?? 0;
      } catch (error) {
        const { report, reportStyle } = await import("./report.ts");
        return report(error, reportStyle(flags));
      }
    },
  };
}

/** `-h` asks for help where the command has no other meaning for it. */
function withShortHelp<T extends typeof globalFlags>(table: T): T {
  const taken = Object.values(table).some((flag) => "short" in flag && flag.short === "h");
  return taken ? table : { ...table, help: { ...table.help, short: "h" } };
}

async function showHelp(command: Command): Promise<number> {
  const [{ renderHelp }, { print }] = await Promise.all([import("./help.ts"), import("./output.ts")]);
  await print(renderHelp(command));
  return 0;
}

function checkPositionals(
  { name, positionals, usage }: Pick<Definition<FlagTable>, "name" | "positionals" | "usage">,
  parsed: Pick<Parsed<FlagTable>, "positionals">,
): void {
  const { min = 0, max = Number.POSITIVE_INFINITY, names } = positionals ?? { names: "" };
  const count = parsed.positionals.length;
  if (count >= min && count <= max) return;
  const hint = `usage: currunt ${name} ${usage[0] ?? ""}`.trimEnd();
  if (count < min) throw new CurruntError("invalid", `${name}: needs ${names}`, { hint });
  const extra = JSON.stringify(parsed.positionals[max]);
  throw new CurruntError(
    "invalid",
    `${name}: takes ${max === 0 ? "no arguments" : names}, and ${extra} is one too many`,
    {
      hint,
    },
  );
}
