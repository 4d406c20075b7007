/** Image references: `[host[:port]/]path[:tag][@digest]` parsed by docker's rules, normalised and printed. */
import { CurruntError } from "../base/error.ts";
import { parseDigest } from "./digest.ts";

/** A fully qualified reference. Without tag and digest it names a whole repository. */
export interface Reference {
  /** Registry as a user writes it: "docker.io", "quay.io", "localhost:5000", "[::1]:5000". */
  readonly registry: string;
  /** Path in the registry: "library/busybox". */
  readonly repository: string;
  readonly tag?: string | undefined;
  /** "sha256:…" */
  readonly digest?: string | undefined;
}

const DEFAULT_REGISTRY = "docker.io";
const DEFAULT_TAG = "latest";
const OFFICIAL_NAMESPACE = "library/";
/** Distribution and docker refuse longer ones; file systems and registries cut there too. */
const MAX_NAME_LENGTH = 255;

const label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const hostPattern = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
/** One path component: lower case, with single `.`, `_`, `__` or any number of `-` between. */
const componentPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const imageIDPattern = /^[a-f0-9]{64}$/;
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/**
 * Parses what a user typed: "busybox" is docker.io/library/busybox:latest. A reference with a digest gets no tag of
 * its own: the digest decides. Throws an "invalid" error that names the bad part.
 */
export function parseReference(text: string): Reference {
  const { name, tag, digest } = split(text);
  const { registry, repository } = parseName(name, text);
  if (tag !== undefined && !tagPattern.test(tag)) {
    throw invalid(
      text,
      `bad tag ${JSON.stringify(tag)}`,
      "a tag has 1 to 128 letters, digits, '_', '.' and '-', and starts with none of the last two",
    );
  }
  if (digest !== undefined) parseDigest(digest);
  const effectiveTag = tag ?? (digest === undefined ? DEFAULT_TAG : undefined);
  return {
    registry,
    repository,
    ...(effectiveTag === undefined ? {} : { tag: effectiveTag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** The whole reference: "docker.io/library/busybox:1.36". Parsing it gives the same reference back. */
export function formatReference(reference: Reference): string {
  return nameOf(reference) + suffixOf(reference);
}

/** The short form that people read: "busybox:1.36", "quay.io/a/b@sha256:…". */
export function familiarReference(reference: Reference): string {
  return familiarName(reference) + suffixOf(reference);
}

/** The short form without tag and digest: "busybox". */
export function familiarName({ registry, repository }: Reference): string {
  if (registry !== DEFAULT_REGISTRY) return `${registry}/${repository}`;
  const short = repository.slice(OFFICIAL_NAMESPACE.length);
  const isOfficial = repository.startsWith(OFFICIAL_NAMESPACE) && !short.includes("/");
  if (isOfficial) return imageIDPattern.test(short) ? repository : short;
  // "docker.io/a.b/c" would be another one without its registry.
  return isHost(repository.slice(0, repository.indexOf("/"))) ? `${registry}/${repository}` : repository;
}

/** "docker.io/library/busybox": registry and repository, without tag and digest. */
export function nameOf({ registry, repository }: Reference): string {
  return `${registry}/${repository}`;
}

function suffixOf({ tag, digest }: Reference): string {
  return (tag === undefined ? "" : `:${tag}`) + (digest === undefined ? "" : `@${digest}`);
}

function split(text: string): { name: string; tag?: string; digest?: string } {
  if (text === "") throw invalid(text, "it is empty", 'write one like "busybox" or "quay.io/name/image:tag"');
  if (text.includes("://")) {
    throw invalid(text, "it looks like a URL", `leave out "${text.slice(0, text.indexOf("://") + 3)}"`);
  }
  const at = text.indexOf("@");
  const beforeDigest = at < 0 ? text : text.slice(0, at);
  // A colon before the last slash belongs to a port.
  const colon = beforeDigest.indexOf(":", beforeDigest.lastIndexOf("/") + 1);
  return {
    name: colon < 0 ? beforeDigest : beforeDigest.slice(0, colon),
    ...(colon < 0 ? {} : { tag: beforeDigest.slice(colon + 1) }),
    ...(at < 0 ? {} : { digest: text.slice(at + 1) }),
  };
}

/** A name without a registry, apart from its tag and digest; undefined when it has a registry. */
export function splitShortName(text: string): { name: string; suffix: string } | undefined {
  const { name } = split(text);
  return hostOf(name) === undefined ? { name, suffix: text.slice(name.length) } : undefined;
}

/** The registry that a name begins with. */
function hostOf(name: string): string | undefined {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  return isHost(first) ? first : undefined;
}

function parseName(name: string, text: string): { registry: string; repository: string } {
  if (imageIDPattern.test(name)) {
    throw invalid(text, "64 hexadecimal digits are an image ID, not a name", "add a registry or a namespace");
  }
  const host = hostOf(name);
  const registry = host === undefined ? DEFAULT_REGISTRY : canonicalRegistry(host);
  const path = host === undefined ? name : name.slice(host.length + 1);
  if (!hostPattern.test(registry)) {
    throw invalid(text, `bad registry host ${JSON.stringify(registry)}`, "write it as HOST or HOST:PORT");
  }
  if (Number(/:(\d+)$/.exec(registry)?.[1] ?? 0) > 65_535) {
    throw invalid(text, `bad port in ${JSON.stringify(registry)}`, "a port is at most 65535");
  }
  // "[a:b]" and "registry.5000": addresses by their form, but none that exists.
  if (!URL.canParse(`https://${registry}`)) {
    throw invalid(text, `bad registry host ${JSON.stringify(registry)}`, "it is no name and no address");
  }
  checkPath(path, text);
  const repository = registry === DEFAULT_REGISTRY && !path.includes("/") ? OFFICIAL_NAMESPACE + path : path;
  if (registry.length + 1 + repository.length > MAX_NAME_LENGTH) {
    throw invalid(text, `the name is longer than ${MAX_NAME_LENGTH} characters`, "use a shorter one");
  }
  return { registry, repository };
}

/** Docker's rule: only a dot, a port, an upper-case letter or "localhost" tells a host from a namespace. */
function isHost(first: string): boolean {
  return /[.:[]/.test(first) || first === "localhost" || first !== first.toLowerCase();
}

function checkPath(path: string, text: string): void {
  for (const component of path.split("/")) {
    if (componentPattern.test(component)) continue;
    if (component !== component.toLowerCase()) {
      throw invalid(
        text,
        `the repository has an upper-case letter in ${JSON.stringify(component)}`,
        `repositories are lower case: try ${JSON.stringify(text.replace(component, component.toLowerCase()))}`,
      );
    }
    throw component === ""
      ? invalid(text, "the repository has an empty part", "check for a missing name or a doubled slash")
      : invalid(
          text,
          `bad repository part ${JSON.stringify(component)}`,
          "a part has lower-case letters and digits, with '.', '_', '__' or '-' between them",
        );
  }
}

/** Docker Hub's other names mean the same registry. */
function canonicalRegistry(host: string): string {
  const hub = host === "index.docker.io" || host === "registry-1.docker.io";
  return hub ? DEFAULT_REGISTRY : host;
}

function invalid(text: string, detail: string, hint: string): CurruntError {
  return new CurruntError("invalid", `parse image reference ${JSON.stringify(text)}: ${detail}`, { hint });
}
