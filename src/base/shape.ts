/**
 * Checks parsed JSON against the types that it is said to have, in place: a start reads config.json once, and copying it with
 * a schema library took three milliseconds of it. A shape is a table that must name every member of its type.
 */

/** What is wrong, and where. */
export interface Problem {
  /** Keys and indices from the outside in. */
  readonly path: (string | number)[];
  readonly text: string;
}

/** Tells what keeps a value from being a `T`; undefined when nothing does. */
export type Shape<T> = ((value: unknown) => Problem | undefined) & { readonly of?: T };

type RequiredKey<T> = { [K in keyof T]-?: Record<never, never> extends Pick<T, K> ? never : K }[keyof T];
type Members<T> = { readonly [K in keyof T]-?: Shape<Exclude<T[K], undefined>> };

/** A problem at the very value that a shape looks at. */
export function problem(text: string): Problem {
  return { path: [], text };
}

/** The path as programs write it: "mounts[3].destination". */
export function pathOf({ path }: Problem): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join("");
}

/** Any text without a NUL, which the kernel would take for its end. */
export const text: Shape<string> = (value) => {
  if (typeof value !== "string") return expected("a string", value);
  return value.includes("\0") ? problem("contains a NUL character") : undefined;
};

/** A text for which `holds`; else it "is" or "has" what `complaint` says. */
export function textThat(holds: (value: string) => boolean, complaint: string): Shape<string> {
  return (value) => text(value) ?? (holds(String(value)) ? undefined : problem(complaint));
}

/** true or false. */
export const flag: Shape<boolean> = (value) =>
  typeof value === "boolean" ? undefined : expected("true or false", value);

/** A whole number within bounds, both included. Those above 2^53 are rounded already, as JSON's are. */
export function whole(least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY): Shape<number> {
  return (value) => {
    if (typeof value !== "number" || !Number.isInteger(value)) return expected("a whole number", value);
    if (value >= least && value <= most) return undefined;
    return problem(value < least ? `${value} is less than ${least}` : `${value} is more than ${most}`);
  };
}

/** One of some words. */
export function oneOf<T extends string>(...words: readonly T[]): Shape<T> {
  const known = new Set<unknown>(words);
  return (value) =>
    known.has(value) ? undefined : problem(`${JSON.stringify(value)} is none of ${words.join(", ")}`);
}

/** A list of `item`, of at least `least`. */
export function listOf<T>(item: Shape<T>, least = 0): Shape<readonly T[]> {
  return (value) => {
    if (!Array.isArray(value)) return expected("a list", value);
    if (value.length < least) return problem("is empty");
    for (let index = 0; index < value.length; index++) {
      const found = item(value[index]);
      if (found !== undefined) return below(index, found);
    }
    return undefined;
  };
}

/** An object whose keys are data. */
export function tableOf<T>(item: Shape<T>, key: Shape<string> = text): Shape<Readonly<Record<string, T>>> {
  return (value) => {
    if (!isObject(value)) return expected("an object", value);
    for (const [name, member] of Object.entries(value)) {
      const found = key(name) ?? item(member);
      if (found !== undefined) return below(name, found);
    }
    return undefined;
  };
}

/**
 * An object with these members, of which some are required. Others are nobody's business. A member that is null counts as
 * absent, and goes: Go writes null for an empty list.
 */
export function objectOf<T extends object>(
  members: Members<T>,
  required: readonly (RequiredKey<T> & string)[] = [],
): Shape<T> {
  const shapes = new Map<string, Shape<unknown>>(Object.entries(members));
  return (value) => {
    if (!isObject(value)) return expected("an object", value);
    for (const name of Object.keys(value)) {
      const shape = shapes.get(name);
      if (shape === undefined) continue;
      if (value[name] === null) delete value[name];
      else {
        const found = shape(value[name]);
        if (found !== undefined) return below(name, found);
      }
    }
    const missing = required.find((name) => !Object.hasOwn(value, name));
    return missing === undefined ? undefined : below(missing, problem("is missing"));
  };
}

/**
 * As `shape`, for an object whose absent members have a value: they get it before it is looked at. What is no object is left to `shape`.
 */
export function withDefaults<T extends object>(shape: Shape<T>, defaults: () => Partial<T>): Shape<T> {
  return (value) => {
    if (isObject(value)) {
      for (const [name, usual] of Object.entries(defaults())) value[name] ??= usual;
    }
    return shape(value);
  };
}

function below(key: string | number, found: Problem): Problem {
  found.path.unshift(key);
  return found;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function expected(wanted: string, value: unknown): Problem {
  const shown = JSON.stringify(value) ?? String(value);
  return problem(`${shown.length > 80 ? `${shown.slice(0, 80)}…` : shown} is not ${wanted}`);
}
