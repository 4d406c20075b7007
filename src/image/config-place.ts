/** Where the configuration of container tools lies: ours to read, theirs to define. */
import { readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { CurruntError } from "../base/error.ts";

/** Whose configuration counts: the process's environment unless a test says otherwise. */
export interface ConfigPlaces {
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly home?: string | undefined;
}

/** What is /etc for everybody; CURRUNT_ETC names another place. */
export function systemConfig({ env = process.env }: ConfigPlaces): string {
  return given(env["CURRUNT_ETC"]) ?? "/etc";
}

/** The user's own directory of configuration: ~/.config. */
export function userConfig({ env = process.env, home }: ConfigPlaces): string {
  return given(env["XDG_CONFIG_HOME"]) ?? join(homeOf({ env, home }), ".config");
}

export function homeOf({ env = process.env, home }: ConfigPlaces): string {
  return home ?? given(env["HOME"]) ?? homedir();
}

/** A variable that is set to nothing is not set. */
export function given(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}

/** The text of a file; undefined when there is none. Throws "invalid" when it cannot be read. */
export function readConfig(path: string, what: string): string | undefined {
  return unlessMissing(path, what, () => readFileSync(path, "utf8"));
}

/** The names in a directory in their order; none when it is missing. */
export function listConfig(path: string, what: string): string[] {
  return unlessMissing(path, what, () => readdirSync(path).sort()) ?? [];
}

function unlessMissing<T>(path: string, what: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new CurruntError("invalid", `read ${what} ${JSON.stringify(path)}`, {
      cause,
      hint: "make it readable, or remove it",
    });
  }
}
