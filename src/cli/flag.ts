/** Flag tables: what a command accepts, declared once; parsing, help, manual and completion all read it. */

/** How a value is read. A duration becomes milliseconds, a size bytes, a number stays one. */
export type FlagType = "boolean" | "string" | "number" | "duration" | "size";

/** What a shell completes after a flag. */
export type Completion = "file" | "directory" | "container" | "image";

export interface Flag {
  readonly type: FlagType;
  /** One line without a full stop: what it does, in the words of the table's other lines. */
  readonly help: string;
  /** One letter: `-i`, also in clusters (`-it`) and with its value attached (`-p8080:80`). */
  readonly short?: string;
  /** Other long names that mean the same (docker's, where ours differs). */
  readonly aliases?: readonly string[];
  /** Given several times: all values count, in order. Without it the last one wins, as with docker. */
  readonly repeatable?: true;
  readonly default?: string | number | boolean;
  /** The only values allowed. */
  readonly choices?: readonly string[];
  /** How help names the value: `-name NAME`. */
  readonly metavar?: string;
  /** Heading of the help under which it stands. */
  readonly group?: string;
  /** Environment variable that gives the value when the flag is absent. */
  readonly env?: string;
  readonly completes?: Completion;
}

export type FlagTable = Readonly<Record<string, Flag>>;

type Single<F extends Flag> = F extends { choices: readonly (infer Choice extends string)[] }
  ? Choice
  : F["type"] extends "boolean"
    ? boolean
    : F["type"] extends "string"
      ? string
      : number;

type Value<F extends Flag> = F extends { repeatable: true }
  ? readonly Single<F>[]
  : F["type"] extends "boolean"
    ? boolean
    : F extends { default: string | number }
      ? Single<F>
      : Single<F> | undefined;

/** The parsed values of a table, by flag name; an absent boolean is false, an absent list is empty. */
export type Values<T extends FlagTable> = { readonly [Name in keyof T]: Value<T[Name]> };

/** The table itself, its literal types kept: they give `Values` its types. */
export function flags<const T extends FlagTable>(table: T): T {
  return table;
}
