/** Files of credentials: docker's config.json and podman's auth.json, where they are and what is in them. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { CurruntError } from "../base/error.ts";
import type { ConfigPlaces } from "./config-place.ts";
import { given, homeOf, userConfig } from "./config-place.ts";

/** Where to look. */
export interface CredentialSources extends ConfigPlaces {
  readonly uid?: number;
  /** The only file that counts, before REGISTRY_AUTH_FILE. */
  readonly authFile?: string | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
}

const entrySchema = v.object({
  auth: v.optional(v.string()),
  username: v.optional(v.string()),
  password: v.optional(v.string()),
  identitytoken: v.optional(v.string()),
  registrytoken: v.optional(v.string()),
});
export type Entry = v.InferOutput<typeof entrySchema>;
const fileSchema = v.object({
  auths: v.nullish(v.record(v.string(), v.nullable(entrySchema))),
  credHelpers: v.nullish(v.record(v.string(), v.string())),
  credsStore: v.nullish(v.string()),
});
export type CredentialFile = v.InferOutput<typeof fileSchema>;

/** Docker Hub's key since the days of the first index. */
export const HUB_KEYS = [
  "https://index.docker.io/v1/",
  "docker.io",
  "index.docker.io",
  "registry-1.docker.io",
];

/** One of the files that are looked into. */
export interface CredentialPath {
  readonly path: string;
  /** ~/.dockercfg: the entries without anything around. */
  readonly legacy: boolean;
  /** Asked for by the user: a missing file is an error. */
  readonly required: boolean;
}

/** The files that count, in the order in which they are asked. */
export function credentialFiles(sources: CredentialSources): CredentialPath[] {
  const { env = process.env, uid, authFile } = sources;
  const explicit = authFile ?? given(env["REGISTRY_AUTH_FILE"]);
  if (explicit !== undefined) return [{ path: explicit, legacy: false, required: true }];
  const userHome = homeOf(sources);
  const runtime = env["XDG_RUNTIME_DIR"] ?? `/run/containers/${uid ?? process.getuid?.() ?? 0}`;
  const runtimeFile =
    env["XDG_RUNTIME_DIR"] === undefined
      ? join(runtime, "auth.json")
      : join(runtime, "containers", "auth.json");
  const docker = env["DOCKER_CONFIG"] ?? join(userHome, ".docker");
  const paths = [
    runtimeFile,
    join(userConfig(sources), "containers", "auth.json"),
    join(docker, "config.json"),
  ];
  return [
    ...paths.map((path) => ({ path, legacy: false, required: false })),
    { path: join(userHome, ".dockercfg"), legacy: true, required: false },
  ];
}

/** Reads a file; undefined when it is missing and nobody asked for it. Throws "invalid" without showing anything of it. */
export async function readCredentialFile({
  path,
  legacy,
  required,
}: CredentialPath): Promise<CredentialFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const missing =
      cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR");
    if (missing && !required) return undefined;
    throw new CurruntError("invalid", `read the credentials in ${JSON.stringify(path)}`, {
      cause,
      hint: required
        ? "-authfile or REGISTRY_AUTH_FILE names it: correct it, or leave it out"
        : "make it readable, or remove it",
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

/** Old tools wrote "https://host/v1/" for "host". */
export function canonicalKey(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/(?:v[12]\/?)?$/, "");
}
