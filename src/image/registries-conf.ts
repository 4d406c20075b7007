/** containers-registries.conf(5): which registries are redirected, mirrored, insecure or blocked, and what short names mean. */
import { join } from "node:path";
import * as v from "valibot";
import { CurruntError } from "../base/error.ts";
import type { ConfigPlaces } from "./config-place.ts";
import { given, listConfig, readConfig, systemConfig, userConfig } from "./config-place.ts";
import type { Reference } from "./reference.ts";
import { nameOf } from "./reference.ts";

const mirrorSchema = v.object({
  location: v.pipe(v.string(), v.minLength(1, "is empty")),
  insecure: v.optional(v.boolean(), false),
  "pull-from-mirror": v.optional(v.picklist(["", "all", "digest-only", "tag-only"]), "all"),
});
const ruleSchema = v.object({
  prefix: v.optional(v.string(), ""),
  location: v.optional(v.string(), ""),
  insecure: v.optional(v.boolean(), false),
  blocked: v.optional(v.boolean(), false),
  "mirror-by-digest-only": v.optional(v.boolean(), false),
  mirror: v.optional(v.array(mirrorSchema), []),
});
const fileSchema = v.object({
  "unqualified-search-registries": v.optional(v.array(v.string())),
  "short-name-mode": v.optional(v.picklist(["", "enforcing", "permissive", "disabled"])),
  registry: v.optional(v.array(ruleSchema), []),
  aliases: v.optional(v.record(v.string(), v.string()), {}),
  /** Version 1: three lists of hosts. */
  registries: v.optional(
    v.object({ search: v.optional(hosts()), insecure: v.optional(hosts()), block: v.optional(hosts()) }),
  ),
});
type ConfFile = v.InferOutput<typeof fileSchema>;

/** One [[registry]] table: what applies to the names that begin with `prefix`. */
export interface RegistryRule {
  /** "host[:port][/path]", "*.host", perhaps with a tag or digest. */
  readonly prefix: string;
  /** What stands for the prefix when the server is asked; "" where nothing is rewritten. */
  readonly location: string;
  readonly insecure: boolean;
  readonly blocked: boolean;
  readonly mirrors: readonly Mirror[];
  /** The file that it is from. */
  readonly path: string;
}

export interface Mirror {
  readonly location: string;
  readonly insecure: boolean;
  readonly pulls: "all" | "digest-only" | "tag-only";
}

export type ShortNameMode = "enforcing" | "permissive" | "disabled";

/** All files together. */
export interface RegistriesConf {
  readonly rules: readonly RegistryRule[];
  /** Undefined: no file says anything. */
  readonly searchRegistries: readonly string[] | undefined;
  readonly shortNameMode: ShortNameMode;
  readonly aliases: ReadonlyMap<string, string>;
}

const FILE = "registries.conf";
/** Where podman remembers what its users chose. */
const REMEMBERED = "/var/cache/containers/short-name-aliases.conf";

/**
 * Reads the user's file or else the system's, then the files of registries.conf.d, of which a later one replaces rules of
 * the same prefix. CONTAINERS_REGISTRIES_CONF and CONTAINERS_REGISTRIES_CONF_DIR name others. Throws "invalid".
 */
export function loadRegistriesConf(places: ConfigPlaces = {}): RegistriesConf {
  const rules = new Map<string, RegistryRule>();
  const aliases = new Map<string, string>();
  let searchRegistries: readonly string[] | undefined;
  let shortNameMode: ShortNameMode = "permissive";
  for (const { path, text } of texts(places)) {
    const file = parseRegistriesConf(text, path);
    for (const rule of rulesOf(file, path)) rules.set(rule.prefix, rule);
    searchRegistries = file["unqualified-search-registries"] ?? file.registries?.search ?? searchRegistries;
    shortNameMode = file["short-name-mode"] || shortNameMode;
    for (const [name, value] of Object.entries(file.aliases)) {
      if (value === "") aliases.delete(name);
      else aliases.set(name, value);
    }
  }
  return { rules: [...rules.values()], searchRegistries, shortNameMode, aliases };
}

function texts(places: ConfigPlaces): { path: string; text: string }[] {
  const { env = process.env } = places;
  const [system, user] = [join(systemConfig(places), "containers"), join(userConfig(places), "containers")];
  const explicit = given(env["CONTAINERS_REGISTRIES_CONF"]);
  const explicitDirectory = given(env["CONTAINERS_REGISTRIES_CONF_DIR"]);
  const main = [explicit ?? join(user, FILE), ...(explicit === undefined ? [join(system, FILE)] : [])]
    .flatMap((path) => read(path))
    .slice(0, 1);
  if (explicit !== undefined && main.length === 0) {
    throw new CurruntError("invalid", `read ${FILE} ${JSON.stringify(explicit)}: there is no such file`, {
      hint: "CONTAINERS_REGISTRIES_CONF names it: correct or unset it",
    });
  }
  const directories =
    explicitDirectory === undefined
      ? [`${join(system, FILE)}.d`, `${join(user, FILE)}.d`]
      : [explicitDirectory];
  const extra = directories.flatMap((directory) =>
    listConfig(directory, `${FILE}.d`)
      .filter((name) => name.endsWith(".conf"))
      .flatMap((name) => read(join(directory, name))),
  );
  const remembered = systemConfig(places) === "/etc" ? read(REMEMBERED) : [];
  return [...main, ...extra, ...remembered];
}

function read(path: string): { path: string; text: string }[] {
  const text = readConfig(path, FILE);
  return text === undefined ? [] : [{ path, text }];
}

/** One file. Throws "invalid" with the field that is wrong. */
export function parseRegistriesConf(text: string, path: string): ConfFile {
  const fail = (detail: string) =>
    new CurruntError("invalid", `read ${JSON.stringify(path)}: ${detail}`, {
      hint: "containers-registries.conf(5) describes the format",
    });
  let value: unknown;
  try {
    value = Bun.TOML.parse(text);
  } catch (error) {
    throw fail(`not TOML: ${error instanceof Error ? error.message : String(error)}`);
  }
  const result = v.safeParse(fileSchema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw fail(`${v.getDotPath(issue) ?? "its content"}: ${issue.message}`);
}

function rulesOf(file: ConfFile, path: string): RegistryRule[] {
  const rules = file.registry.map((table): RegistryRule => {
    const { prefix, location, insecure, blocked, mirror } = table;
    if (prefix === "" && location === "") {
      throw new CurruntError(
        "invalid",
        `read ${JSON.stringify(path)}: a registry has no prefix and no location`,
        {
          hint: "give each [[registry]] at least one of the two",
        },
      );
    }
    const usual = table["mirror-by-digest-only"] ? "digest-only" : "all";
    return {
      prefix: trim(prefix || location),
      location: trim(location),
      insecure,
      blocked,
      mirrors: mirror.map((entry) => ({
        location: trim(entry.location),
        insecure: entry.insecure,
        pulls: entry["pull-from-mirror"] === "all" ? usual : entry["pull-from-mirror"] || usual,
      })),
      path,
    };
  });
  const { insecure = [], block = [] } = file.registries ?? {};
  const listed = [...new Set([...insecure, ...block])].map((prefix) => ({
    prefix,
    location: prefix,
    insecure: insecure.includes(prefix),
    blocked: block.includes(prefix),
    mirrors: [],
    path,
  }));
  return [...rules, ...listed];
}

/** The rule with the longest prefix of the reference's name. */
export function ruleFor({ rules }: RegistriesConf, reference: Reference): RegistryRule | undefined {
  return rules
    .filter(({ prefix }) => matches(prefix, reference))
    .reduce<RegistryRule | undefined>(
      (best, rule) => (best !== undefined && best.prefix.length >= rule.prefix.length ? best : rule),
      undefined,
    );
}

function matches(prefix: string, reference: Reference): boolean {
  if (prefix.startsWith("*.")) return reference.registry.endsWith(prefix.slice(1));
  const name = nameOf(reference);
  const whole = [reference.tag, reference.digest].flatMap((part, index) =>
    part === undefined ? [] : [`${name}${index === 0 ? ":" : "@"}${part}`],
  );
  return name === prefix || name.startsWith(`${prefix}/`) || whole.includes(prefix);
}

/** "host[:port]/path" of `reference` with `location` in the place of `prefix`. */
export function relocate(reference: Reference, prefix: string, location: string): string {
  const name = nameOf(reference);
  if (location === "") return name;
  if (prefix.startsWith("*.")) return `${location}/${reference.repository}`;
  // A prefix with a tag or digest stands for the whole name.
  return location + name.slice(Math.min(prefix.length, name.length));
}

function trim(text: string): string {
  return text.replace(/\/+$/, "");
}

function hosts() {
  return v.pipe(
    v.object({ registries: v.optional(v.array(v.string()), []) }),
    v.transform(({ registries }) => registries),
  );
}
