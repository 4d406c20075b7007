/** Who we are at a registry: docker's and podman's credential files, and credential helpers. */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { CurruntError, wrap } from "../base/error.ts";
import type { Reference } from "./reference.ts";

/** What proves who we are. Never printed. */
export type Credentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** OAuth2 refresh token, to be exchanged for an access token. */
  | { readonly kind: "identity-token"; readonly token: string }
  /** Sent to the registry as it is. */
  | { readonly kind: "registry-token"; readonly token: string };

/** Where to look: the process's environment unless a test says otherwise. */
export interface CredentialSources {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly home?: string;
  readonly uid?: number;
  readonly onWarning?: ((message: string) => void) | undefined;
}

const entrySchema = v.object({
  auth: v.optional(v.string()),
  username: v.optional(v.string()),
  password: v.optional(v.string()),
  identitytoken: v.optional(v.string()),
  registrytoken: v.optional(v.string()),
});
type Entry = v.InferOutput<typeof entrySchema>;
const fileSchema = v.object({
  auths: v.nullish(v.record(v.string(), v.nullable(entrySchema))),
  credHelpers: v.nullish(v.record(v.string(), v.string())),
  credsStore: v.nullish(v.string()),
});
type CredentialFile = v.InferOutput<typeof fileSchema>;
const helperSchema = v.object({ Username: v.string(), Secret: v.string() });

/** Docker Hub's key since the days of the first index. */
const HUB_KEYS = ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"];
/** A helper may ask the user to unlock a key ring; it does not get for ever. */
const HELPER_TIMEOUT_MS = 60_000;

/**
 * Credentials for a repository from the first file that has some: REGISTRY_AUTH_FILE alone when it is set, else
 * podman's auth.json and docker's config.json. Undefined means anonymous. Throws for files that cannot be understood.
 */
export async function findCredentials(
  reference: Pick<Reference, "registry" | "repository">,
  sources: CredentialSources = {},
): Promise<Credentials | undefined> {
  for (const { path, legacy, required } of credentialFiles(sources)) {
    const file = await readCredentialFile(path, legacy, required);
    const found = file === undefined ? undefined : await lookUp(file, path, reference, sources);
    if (found !== undefined) return found;
  }
  return undefined;
}

interface CredentialPath {
  readonly path: string;
  /** ~/.dockercfg: the entries without anything around. */
  readonly legacy: boolean;
  /** Asked for by the user: a missing file is an error. */
  readonly required: boolean;
}

function credentialFiles({ env = process.env, home, uid }: CredentialSources): CredentialPath[] {
  const explicit = env["REGISTRY_AUTH_FILE"];
  if (explicit !== undefined && explicit !== "") return [{ path: explicit, legacy: false, required: true }];
  const userHome = home ?? env["HOME"] ?? homedir();
  const runtime = env["XDG_RUNTIME_DIR"] ?? `/run/containers/${uid ?? process.getuid?.() ?? 0}`;
  const runtimeFile =
    env["XDG_RUNTIME_DIR"] === undefined
      ? join(runtime, "auth.json")
      : join(runtime, "containers", "auth.json");
  const config = env["XDG_CONFIG_HOME"] ?? join(userHome, ".config");
  const docker = env["DOCKER_CONFIG"] ?? join(userHome, ".docker");
  const paths = [runtimeFile, join(config, "containers", "auth.json"), join(docker, "config.json")];
  return [
    ...paths.map((path) => ({ path, legacy: false, required: false })),
    { path: join(userHome, ".dockercfg"), legacy: true, required: false },
  ];
}

async function readCredentialFile(
  path: string,
  legacy: boolean,
  required: boolean,
): Promise<CredentialFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const missing =
      cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR");
    if (missing && !required) return undefined;
    throw new CurruntError("invalid", `read the credentials in ${JSON.stringify(path)}`, {
      cause,
      hint: required ? "REGISTRY_AUTH_FILE names it: correct or unset it" : "make it readable, or remove it",
    });
  }
  try {
    // An empty file is what `docker logout` may leave.
    const value: unknown = text.trim() === "" ? {} : JSON.parse(text);
    return v.parse(fileSchema, legacy ? { auths: value } : value);
  } catch {
    // The cause is left out: a parser's message may quote a secret.
    throw new CurruntError(
      "invalid",
      `read the credentials in ${JSON.stringify(path)}: not a credentials file`,
      {
        hint: 'it has to be JSON like {"auths": {"HOST": {"auth": "…"}}}: correct or remove it',
      },
    );
  }
}

async function lookUp(
  file: CredentialFile,
  path: string,
  reference: Pick<Reference, "registry" | "repository">,
  sources: CredentialSources,
): Promise<Credentials | undefined> {
  const keys = keysFor(reference);
  const hostKeys = reference.registry === "docker.io" ? HUB_KEYS : [reference.registry];
  for (const key of hostKeys) {
    const helper = file.credHelpers?.[key];
    if (helper !== undefined) return runHelper(helper, key, path, sources);
  }
  const entries = file.auths ?? {};
  if (file.credsStore !== null && file.credsStore !== undefined && file.credsStore !== "") {
    const found = await tryStore(file.credsStore, hostKeys, path, sources);
    if (found !== undefined) return found;
  }
  for (const key of keys) {
    const name = Object.keys(entries).find((candidate) => canonicalKey(candidate) === canonicalKey(key));
    const entry = name === undefined ? undefined : entries[name];
    const found = entry === undefined || entry === null ? undefined : fromEntry(entry, path, key);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What an entry may be filed under, the most specific first: "host/ns/repo", "host/ns", "host". */
function keysFor({ registry, repository }: Pick<Reference, "registry" | "repository">): string[] {
  const parts = repository.split("/");
  const prefixes = parts.map((_, index) => `${registry}/${parts.slice(0, parts.length - index).join("/")}`);
  return [...prefixes, ...(registry === "docker.io" ? HUB_KEYS : [registry])];
}

/** Old tools wrote "https://host/v1/" for "host". */
function canonicalKey(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/(?:v[12]\/?)?$/, "");
}

function fromEntry(entry: Entry, path: string, key: string): Credentials | undefined {
  if (entry.identitytoken) return { kind: "identity-token", token: entry.identitytoken };
  if (entry.registrytoken) return { kind: "registry-token", token: entry.registrytoken };
  if (entry.auth) {
    const decoded = Buffer.from(entry.auth, "base64").toString("utf8").replace(/\0+$/, "");
    const colon = decoded.indexOf(":");
    if (colon <= 0) {
      throw new CurruntError(
        "invalid",
        `read the credentials of ${key} in ${JSON.stringify(path)}: bad "auth"`,
        {
          hint: "log in to the registry again",
        },
      );
    }
    return { kind: "password", username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
  }
  if (entry.username && entry.password !== undefined) {
    return { kind: "password", username: entry.username, password: entry.password };
  }
  return undefined;
}

/** `credsStore` is a default for all registries: one that is not installed must not stop a public pull. */
async function tryStore(
  name: string,
  keys: readonly string[],
  path: string,
  sources: CredentialSources,
): Promise<Credentials | undefined> {
  try {
    for (const key of keys.slice(0, 2)) {
      const found = await runHelper(name, key, path, sources);
      if (found !== undefined) return found;
    }
  } catch (error) {
    if (!(error instanceof CurruntError)) throw error;
    sources.onWarning?.(`${error.message}: going on without it`);
  }
  return undefined;
}

/** `docker-credential-NAME get` (the docker-credential-helpers protocol). Undefined: it has none. */
async function runHelper(
  name: string,
  server: string,
  path: string,
  { env = process.env }: CredentialSources,
): Promise<Credentials | undefined> {
  const action = `ask credential helper ${JSON.stringify(name)} for ${server}`;
  const hint = `${JSON.stringify(path)} names it: install docker-credential-${name}, or remove the entry`;
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw new CurruntError("invalid", `${action}: bad name`, { hint });
  const program = Bun.which(`docker-credential-${name}`, { PATH: env["PATH"] ?? "" });
  if (program === null) throw new CurruntError("unavailable", `${action}: it is not installed`, { hint });
  try {
    await using child = Bun.spawn([program, "get"], {
      env: { ...env },
      stdin: Buffer.from(server),
      stdout: "pipe",
      stderr: "ignore",
      timeout: HELPER_TIMEOUT_MS,
    });
    const [output, exitCode] = await Promise.all([child.stdout.text(), child.exited]);
    if (exitCode !== 0) {
      // Failures come on standard output, in words that the protocol fixes.
      if (/credentials not found|no credentials server URL/i.test(output)) return undefined;
      throw new CurruntError("denied", `it failed: ${firstLine(output)}`);
    }
    const { Username, Secret } = v.parse(helperSchema, JSON.parse(output));
    if (Secret === "") return undefined;
    return Username === "<token>"
      ? { kind: "identity-token", token: Secret }
      : { kind: "password", username: Username, password: Secret };
  } catch (error) {
    if (error instanceof CurruntError) throw wrap(error, action);
    throw new CurruntError("unavailable", `${action}: its answer cannot be understood`, { hint });
  }
}

function firstLine(text: string): string {
  return text.trim().split("\n", 1)[0]?.slice(0, 200) ?? "";
}
