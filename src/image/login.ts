/** Logging in and out: credentials are proved to the registry, then kept in the file, or by the helper, that pulls read. */

import { randomUUID } from "node:crypto";
import { chown, mkdir, open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CurruntError, explain, wrap } from "../base/error.ts";
import type { CredentialFile, CredentialPath, CredentialSources } from "./credential-file.ts";
import { canonicalKey, credentialFiles, HUB_KEYS, readCredentialFile } from "./credential-file.ts";
import type { Helper } from "./credential-store.ts";
import { eraseSecret, storeSecret } from "./credential-store.ts";
import { endpointsFor } from "./endpoint.ts";
import type { Access, Login } from "./open-source.ts";
import type { Reference } from "./reference.ts";
import { parseReference } from "./reference.ts";
import { loadRegistriesConf } from "./registries-conf.ts";
import { RegistryConnection } from "./registry-connection.ts";
import { discard } from "./transport.ts";

/** What `login` and `logout` take beside the registry's name. */
export interface LoginOptions extends Omit<Access, "login"> {
  readonly onWarning: (message: string) => void;
}

const DOCKER_HUB = "docker.io";
const HUB_KEY = "https://index.docker.io/v1/";

/** Proves `login` to the registry and keeps it. Resolves to where it is kept. Throws "denied" when it is refused. */
export async function logIn(name: string, login: Login, options: LoginOptions): Promise<string> {
  const { host, key } = parseRegistry(name);
  const { verifyTls, places = {}, signal, patience, onWarning } = options;
  // A colon would end the name where the header is read.
  if (login.username === "" || login.username.includes(":")) {
    throw new CurruntError("invalid", `log in to ${host}: ${JSON.stringify(login.username)} is no user name`);
  }
  const reference: Reference = { registry: host, repository: "login", tag: "latest" };
  const endpoint = endpointsFor(reference, { conf: loadRegistriesConf(places), verifyTls, places }).at(-1);
  const credentials = { kind: "password", ...login } as const;
  const connection = new RegistryConnection(reference, {
    ...{ endpoint, credentials, strict: true, scope: "", signal, patience, onWarning },
  });
  try {
    const { response } = await connection.request("root");
    if (!response.ok) throw await connection.refusal(response, "ask its API");
    await discard(response);
  } catch (error) {
    throw wrap(error, `log in to ${host}`);
  }
  if (!connection.wasChallenged) {
    onWarning(`${host} asks nobody who they are: the credentials are kept, but not known to be right`);
  }
  const sources = { ...places, authFile: options.authFile, onWarning };
  return await keep(key, login, sources);
}

/** Forgets the credentials of a registry, everywhere where pulls look for them. Throws "not-found" when there are none. */
export async function logOut(name: string, { places, authFile, onWarning }: LoginOptions): Promise<string> {
  const { key } = parseRegistry(name);
  const sources = { ...places, authFile, onWarning };
  let found = false;
  for (const place of existing(sources)) {
    const file = await readCredentialFile(place);
    if (file !== undefined && (await forget(key, place, file, sources))) found = true;
  }
  if (found) return key;
  throw new CurruntError("not-found", `log out of ${key}: not logged in`, {
    hint: "the registry's name has to be that of the login, with its port",
  });
}

/** Forgets all credentials; resolves to the registries' names. */
export async function logOutOfAll(options: LoginOptions): Promise<string[]> {
  const sources = { ...options.places, authFile: options.authFile };
  const keys = new Set<string>();
  for (const place of existing(sources)) {
    const file = await readCredentialFile(place);
    for (const key of Object.keys({ ...file?.auths, ...file?.credHelpers })) keys.add(nameOfKey(key));
  }
  const gone: string[] = [];
  for (const key of keys) {
    const removed = await logOut(key, options).catch((error: unknown) => {
      if (error instanceof CurruntError && error.kind === "not-found") return undefined;
      throw error;
    });
    if (removed !== undefined) gone.push(removed);
  }
  return gone;
}

/** A registry as people write it, a URL too, perhaps with the start of a path: "quay.io/team". */
function parseRegistry(text: string): { host: string; key: string } {
  const name = canonicalKey(text.trim());
  try {
    const [host = "", ...path] = name.split("/");
    // "registry/x" has no dot and no port, yet here it can only be a host.
    const { registry } = parseReference(`${host.includes(":") ? host : `${host}:443`}/x`);
    const plain = host.includes(":") ? registry : registry.slice(0, -":443".length);
    const canonical = HUB_KEYS.some((known) => canonicalKey(known) === plain) ? DOCKER_HUB : plain;
    if (path.length > 0) parseReference(`${canonical}/${path.join("/")}`);
    return { host: canonical, key: [canonical, ...path].join("/") };
  } catch (error) {
    throw wrap(error, `registry ${JSON.stringify(text)}`);
  }
}

function existing(sources: CredentialSources): CredentialPath[] {
  return credentialFiles(sources).map((place) => ({ ...place, required: false }));
}

async function keep(key: string, { username, password }: Login, sources: CredentialSources): Promise<string> {
  const { place, file } = await placeFor(key, sources);
  const name = helperOf(file, key);
  const entry = { auth: Buffer.from(`${username}:${password}`).toString("base64") };
  if (name !== undefined) {
    const helper = { name, path: place.path, places: sources };
    await storeSecret(helper, serverOf(key), { username, secret: password });
  }
  // What the helper keeps is named there without its secret, as docker does it.
  await edit(place.path, (auths) => setEntry(auths, fileKey(key, place), name === undefined ? entry : {}));
  return name === undefined ? place.path : `credential helper ${name}`;
}

/** Takes the entries for `key` out of one file, and out of its helper; false when there was nothing. */
async function forget(
  key: string,
  { path, legacy }: CredentialPath,
  file: CredentialFile,
  sources: CredentialSources,
): Promise<boolean> {
  const name = helperOf(file, key);
  const erased = name !== undefined && (await erase({ name, path, places: sources }, key, sources));
  const listed = Object.keys(file.auths ?? {}).some((candidate) => nameOfKey(candidate) === key);
  if (listed && legacy) {
    throw new CurruntError("unsupported", `log out of ${key}: ${JSON.stringify(path)} is of an old form`, {
      hint: "remove the registry from it by hand",
    });
  }
  if (listed) await edit(path, (auths) => withoutKey(auths, key));
  return erased || listed;
}

/** A helper that is not installed keeps nothing that a pull could use. */
async function erase(helper: Helper, key: string, { onWarning }: CredentialSources): Promise<boolean> {
  try {
    return await eraseSecret(helper, serverOf(key));
  } catch (error) {
    if (!(error instanceof CurruntError)) throw error;
    onWarning?.(explain(error));
    return false;
  }
}

/**
 * The file to write to: the one that pulls would find the registry's credentials in, else the first that there is, else
 * docker's, which every tool reads.
 */
async function placeFor(
  key: string,
  sources: CredentialSources,
): Promise<{ place: CredentialPath; file: CredentialFile }> {
  const found: { place: CredentialPath; file: CredentialFile }[] = [];
  const places = existing(sources).filter(({ legacy }) => !legacy);
  for (const place of places) {
    const file = await readCredentialFile(place);
    if (file === undefined) continue;
    const known = Object.keys(file.auths ?? {}).some((candidate) => nameOfKey(candidate) === key);
    if (known || helperOf(file, key) !== undefined) return { place, file };
    found.push({ place, file });
  }
  const [first] = found;
  const fallback = places.at(-1);
  if (first !== undefined) return first;
  if (fallback === undefined) throw new CurruntError("internal", "there is no file of credentials");
  return { place: fallback, file: {} };
}

function helperOf({ credHelpers, credsStore }: CredentialFile, key: string): string | undefined {
  const own = Object.entries(credHelpers ?? {}).find(([candidate]) => nameOfKey(candidate) === hostOf(key));
  return own?.[1] ?? (credsStore || undefined);
}

/** What a helper calls a registry. */
function serverOf(key: string): string {
  return key === DOCKER_HUB ? HUB_KEY : hostOf(key);
}

/** What a file calls it: docker's has the old name for Docker Hub. */
function fileKey(key: string, { path }: CredentialPath): string {
  return key === DOCKER_HUB && path.endsWith("config.json") ? HUB_KEY : key;
}

/** What we call an entry of a file. */
function nameOfKey(key: string): string {
  return HUB_KEYS.includes(key) ? DOCKER_HUB : canonicalKey(key);
}

function hostOf(key: string): string {
  return key.split("/", 1)[0] ?? "";
}

type Entries = Readonly<Record<string, unknown>>;

function setEntry(auths: Entries, key: string, entry: object): Entries {
  return { ...withoutKey(auths, nameOfKey(key)), [key]: entry };
}

function withoutKey(auths: Entries, key: string): Entries {
  return Object.fromEntries(Object.entries(auths).filter(([candidate]) => nameOfKey(candidate) !== key));
}

/** Changes the entries of a file and nothing else in it; readers see all of the change or nothing. Mode 0600. */
async function edit(path: string, change: (auths: Entries) => Entries): Promise<void> {
  try {
    // A link, as those who keep their settings elsewhere have it, stays one.
    const target = await realpath(path).catch(() => path);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    const owner = await stat(target).catch(() => undefined);
    const text = owner === undefined ? "" : await readFile(target, "utf8");
    const document: unknown = text.trim() === "" ? {} : JSON.parse(text);
    const before: object = typeof document === "object" && document !== null ? document : {};
    const auths: unknown = "auths" in before ? before.auths : {};
    const entries = typeof auths === "object" && auths !== null ? { ...auths } : {};
    const after = `${JSON.stringify({ ...before, auths: change(entries) }, undefined, "\t")}\n`;
    await replace(target, after, owner);
  } catch (cause) {
    throw new CurruntError("unavailable", `write the credentials to ${JSON.stringify(path)}`, {
      cause,
      hint: "make the directory writable, or name another file with -authfile",
    });
  }
}

async function replace(
  path: string,
  text: string,
  owner: { readonly uid: number; readonly gid: number } | undefined,
): Promise<void> {
  const temporary = join(dirname(path), `.${randomUUID()}`);
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    // With sudo the file may be another user's, who has to be able to read it afterwards.
    if (owner !== undefined) await chown(temporary, owner.uid, owner.gid);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
