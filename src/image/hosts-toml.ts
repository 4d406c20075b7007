/** containerd's hosts.toml: the servers to ask for a registry's images, in their order. */
import { isAbsolute, join } from "node:path";
import * as v from "valibot";
import { CurruntError } from "../base/error.ts";
import type { ConfigPlaces } from "./config-place.ts";
import { readConfig, systemConfig } from "./config-place.ts";

const text = v.union([v.string(), v.array(v.string())]);
const hostSchema = v.object({
  capabilities: v.optional(v.array(v.picklist(["pull", "resolve", "push", "referrers"]))),
  skip_verify: v.optional(v.boolean(), false),
  override_path: v.optional(v.boolean(), false),
  ca: v.optional(text, []),
  client: v.optional(v.union([v.string(), v.array(text)]), []),
  header: v.optional(v.record(v.string(), text), {}),
});
const fileSchema = v.object({
  ...hostSchema.entries,
  server: v.optional(v.string(), ""),
  host: v.optional(v.record(v.string(), hostSchema), {}),
});

/** A server that a hosts.toml names. */
export interface HostEntry {
  /** With the path of its API: "https://mirror:5000/v2/". */
  readonly base: URL;
  /** Has images. */
  readonly pulls: boolean;
  /** Is believed about what a tag stands for. */
  readonly resolves: boolean;
  readonly skipVerify: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** Paths of CA certificates. */
  readonly ca: readonly string[];
  /** Paths of client certificates, each with its key where that is another file. */
  readonly client: readonly (readonly [certificate: string, key: string])[];
}

export interface HostsFile {
  readonly mirrors: readonly HostEntry[];
  /** The registry itself; undefined: nothing is said of it. */
  readonly server: HostEntry | undefined;
}

/** The directories of /etc/containerd/certs.d for `host`, the most specific first. */
export function containerdDirectories(host: string, places: ConfigPlaces): string[] {
  const root = join(systemConfig(places), "containerd", "certs.d");
  const escaped = host.replace(/:(\d+)$/, "_$1_");
  return [...new Set([escaped, host, "_default"])].map((name) => join(root, name));
}

/** The hosts.toml for `registry`, "host[:port]"; undefined when there is none. Throws "invalid". */
export function loadHostsFile(registry: string, places: ConfigPlaces = {}): HostsFile | undefined {
  for (const directory of containerdDirectories(registry, places)) {
    const path = join(directory, "hosts.toml");
    const found = readConfig(path, "hosts.toml");
    if (found !== undefined) return parseHostsFile(found, path, directory);
  }
  return undefined;
}

/** Reads a hosts.toml; paths in it are relative to `directory`. */
export function parseHostsFile(source: string, path: string, directory: string): HostsFile {
  const fail = (detail: string) =>
    new CurruntError("invalid", `read ${JSON.stringify(path)}: ${detail}`, {
      hint: "containerd's docs/hosts.md describes the format",
    });
  let value: unknown;
  try {
    value = Bun.TOML.parse(source);
  } catch {
    // The cause is left out: it may quote a header, and that may be a secret.
    throw fail("not TOML");
  }
  const result = v.safeParse(fileSchema, value, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    throw fail(`${v.getDotPath(issue) ?? "its content"}: not as it should be`);
  }
  const { server, host, ...own } = result.output;
  const entry = (address: string, settings: v.InferOutput<typeof hostSchema>): HostEntry => {
    const base = URL.parse(address.includes("://") ? address : `https://${address}`);
    if (base === null || !/^https?:$/.test(base.protocol))
      throw fail(`${JSON.stringify(address)} is no web address`);
    return makeEntry(base, settings, directory);
  };
  return {
    mirrors: Object.entries(host).map(([address, settings]) => entry(address, settings)),
    server: server === "" ? undefined : entry(server, own),
  };
}

function makeEntry(base: URL, settings: v.InferOutput<typeof hostSchema>, directory: string): HostEntry {
  const { capabilities = ["pull", "resolve"], skip_verify, override_path, ca, client, header } = settings;
  const absolute = (path: string) => (isAbsolute(path) ? path : join(directory, path));
  // "https://host" and "https://host/v2" mean the same; a path of one's own is taken as it is, or is a prefix of /v2.
  const path = base.pathname.replace(/\/+$/, "");
  base.pathname = override_path || path.endsWith("/v2") ? `${path}/` : `${path}/v2/`;
  return {
    base,
    pulls: capabilities.includes("pull"),
    resolves: capabilities.includes("resolve"),
    skipVerify: skip_verify,
    headers: Object.fromEntries(
      Object.entries(header).map(([name, values]) => [name, listOf(values).join(", ")]),
    ),
    ca: listOf(ca).map(absolute),
    client: listOf(client).map((pair) => {
      const [certificate = "", key = certificate] = listOf(pair);
      return [absolute(certificate), absolute(key || certificate)] as const;
    }),
  };
}

function listOf<T>(value: string | readonly T[]): readonly (string | T)[] {
  return typeof value === "string" ? [value] : value;
}
