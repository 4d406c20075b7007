/** Environment variables and labels from the command line and from files, by docker's rules. */
import { CurruntError } from "../base/error.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The caller's environment, byte for byte (`ffi/text.ts`): in `process.env` what is no UTF-8 has lost its bytes, and what Bun
 * would obey is missing (`ffi/entry/entry.c`). With `needed` false, where nobody asks for a value, it is empty.
 */
export async function callerEnvironment(needed = true): Promise<Environment> {
  if (!needed) return {};
  const { readEnvironment } = await import("../engine/caller.ts");
  return readEnvironment();
}

/** Whether these flags ask for values of the caller's environment. */
export function asksForVariables(flags: {
  readonly env: readonly string[];
  readonly "env-file": readonly string[];
}): boolean {
  return flags["env-file"].length > 0 || flags.env.some((text) => !text.includes("="));
}

/** The last `count` arguments of this process, byte for byte. */
export async function callerArguments(count: number): Promise<string[]> {
  const { readArguments } = await import("../engine/caller.ts");
  return readArguments(count);
}

/**
 * `-env NAME=VALUE` as it stands; `-env NAME` with the value that the caller's environment has; without one the name
 * alone, which removes the image's variable.
 */
export function resolveVariable(text: string, environment: Environment): string {
  const name = text.split("=", 1)[0] ?? "";
  if (name === "") {
    throw new CurruntError("invalid", `environment variable ${JSON.stringify(text)}: has no name`, {
      hint: "write NAME=VALUE, or NAME to pass the caller's value on",
    });
  }
  const value = text.includes("=") ? undefined : environment[name];
  return value === undefined ? text : `${name}=${value}`;
}

/**
 * The variables of an env-file: one a line, taken literally (no quotes, no expansion), `#` begins a comment only at the
 * start of a line, a name alone takes the caller's value and is skipped when there is none. `path` is for messages.
 */
export function parseEnvironmentFile(content: string, path: string, environment: Environment): string[] {
  return content
    .replace(/^\uFEFF/, "")
    .split("\n")
    .flatMap((raw, index) => {
      const line = raw.replace(/\r$/, "").replace(/^[ \t\v\f]+/, "");
      if (line === "" || line.startsWith("#")) return [];
      const name = line.split("=", 1)[0] ?? "";
      if (name === "" || /\s/.test(name)) {
        throw new CurruntError(
          "invalid",
          `read variables from ${JSON.stringify(path)}: line ${index + 1}: ${name === "" ? "no name before the =" : `${JSON.stringify(name)} is not a name`}`,
          { hint: "each line is NAME=VALUE, NAME or a comment" },
        );
      }
      if (line.includes("=")) return [line];
      const value = environment[name];
      return value === undefined ? [] : [`${name}=${value}`];
    });
}

/** `-label KEY=VALUE` pairs; a key alone has an empty value; a later one wins. */
export function parseLabels(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    list.map((text) => {
      const equals = text.indexOf("=");
      const key = equals === -1 ? text : text.slice(0, equals);
      if (key === "") throw new CurruntError("invalid", `label ${JSON.stringify(text)}: has no key`);
      return [key, equals === -1 ? "" : text.slice(equals + 1)];
    }),
  );
}
