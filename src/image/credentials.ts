/** Who we are at a registry: docker's and podman's credential files, and credential helpers. */
import { CurruntError } from "../base/error.ts";
import type { CredentialFile, CredentialSources, Entry } from "./credential-file.ts";
import { canonicalKey, credentialFiles, HUB_KEYS, readCredentialFile } from "./credential-file.ts";
import type { Helper } from "./credential-store.ts";
import { getSecret } from "./credential-store.ts";
import type { Reference } from "./reference.ts";

/** What proves who we are. Never printed. */
export type Credentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** OAuth2 refresh token, to be exchanged for an access token. */
  | { readonly kind: "identity-token"; readonly token: string }
  /** Sent to the registry as it is. */
  | { readonly kind: "registry-token"; readonly token: string };

/**
 * Credentials for a repository from the first file that has some: REGISTRY_AUTH_FILE alone when it is set, else
 * podman's auth.json and docker's config.json. Undefined means anonymous. Throws for files that cannot be understood.
 */
export async function findCredentials(
  reference: Pick<Reference, "registry" | "repository">,
  sources: CredentialSources = {},
): Promise<Credentials | undefined> {
  for (const place of credentialFiles(sources)) {
    const file = await readCredentialFile(place);
    const found = file === undefined ? undefined : await lookUp(file, place.path, reference, sources);
    if (found !== undefined) return found;
  }
  return undefined;
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
    if (helper !== undefined) return fromHelper({ name: helper, path, places: sources }, key);
  }
  const entries = file.auths ?? {};
  if (file.credsStore) {
    const found = await tryStore({ name: file.credsStore, path, places: sources }, hostKeys, sources);
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
  helper: Helper,
  keys: readonly string[],
  sources: CredentialSources,
): Promise<Credentials | undefined> {
  try {
    for (const key of keys.slice(0, 2)) {
      const found = await fromHelper(helper, key);
      if (found !== undefined) return found;
    }
  } catch (error) {
    if (!(error instanceof CurruntError)) throw error;
    sources.onWarning?.(`${error.message}: going on without it`);
  }
  return undefined;
}

async function fromHelper(helper: Helper, server: string): Promise<Credentials | undefined> {
  const found = await getSecret(helper, server);
  if (found === undefined) return undefined;
  const { username, secret } = found;
  return username === "<token>"
    ? { kind: "identity-token", token: secret }
    : { kind: "password", username, password: secret };
}
