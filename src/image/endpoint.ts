/** Where a reference's content is asked for: its registry, and the mirrors that the configuration puts before it. */
import { CurruntError } from "../base/error.ts";
import { isLoopback } from "./address.ts";
import type { Certificates } from "./certificates.ts";
import { loadCertificates, readClient, readPem } from "./certificates.ts";
import type { ConfigPlaces } from "./config-place.ts";
import type { HostEntry } from "./hosts-toml.ts";
import { loadHostsFile } from "./hosts-toml.ts";
import type { Reference } from "./reference.ts";
import { familiarReference } from "./reference.ts";
import type { Mirror, RegistriesConf } from "./registries-conf.ts";
import { relocate, ruleFor } from "./registries-conf.ts";
import type { TrustedServer } from "./trust.ts";

/** One server that has a repository. */
export interface Endpoint extends TrustedServer {
  /** Root of its API ("https://host/v2/"); several: the first that answers. */
  readonly bases: readonly [URL, ...URL[]];
  /** What credentials are filed under, and what the repository is called there. */
  readonly registry: string;
  readonly repository: string;
  /** Whose failure is not the last word. */
  readonly mirror: boolean;
  /** Is believed about what a tag stands for. */
  readonly resolves: boolean;
  /** Sent with every request, to it alone. */
  readonly headers: Readonly<Record<string, string>>;
  /** Told to a mirror of several registries which one is meant (`?ns=`). */
  readonly namespace: string | undefined;
}

export interface EndpointOptions {
  readonly conf: RegistriesConf;
  /** False: the registry that the reference names is trusted whoever it is. */
  readonly verifyTls?: boolean | undefined;
  readonly places?: ConfigPlaces | undefined;
}

const HUB = "docker.io";
const HUB_HOST = "registry-1.docker.io";

/** The servers to ask for `reference`, in their order; the last one is the registry itself. Throws "denied" for a blocked one. */
export function endpointsFor(
  reference: Reference,
  { conf, verifyTls = true, places = {} }: EndpointOptions,
): Endpoint[] {
  const rule = ruleFor(conf, reference);
  if (rule?.blocked === true) {
    throw new CurruntError(
      "denied",
      `"${familiarReference(reference)}" is blocked by ${JSON.stringify(rule.path)}`,
      {
        hint: `it blocks ${JSON.stringify(rule.prefix)}: use another registry, or ask who administers this machine`,
      },
    );
  }
  const { prefix = "", location = "", mirrors = [], insecure = false } = rule ?? {};
  const primary = locate(relocate(reference, prefix, location));
  return [
    ...mirrors
      .filter((mirror) => serves(mirror, reference))
      .map((mirror) =>
        registryEndpoint(locate(relocate(reference, prefix, mirror.location)), {
          insecure: mirror.insecure,
          mirror: true,
          places,
        }),
      ),
    ...withHostsFile(primary, { insecure: insecure || !verifyTls, mirror: false, places }),
  ];
}

/** A registry's repository, by the names that people use. */
type Place = Pick<Reference, "registry" | "repository">;

interface PlaceOptions {
  readonly insecure?: boolean;
  readonly mirror?: boolean;
  readonly places?: ConfigPlaces;
}

/** A registry as it is when only its certificates are configured. */
export function registryEndpoint(
  { registry, repository }: Place,
  { insecure = false, mirror = false, places = {} }: PlaceOptions = {},
): Endpoint {
  const host = registry === HUB ? HUB_HOST : registry;
  const certificates =
    loadCertificates(registry, places) ?? (host === registry ? undefined : loadCertificates(host, places));
  return {
    host,
    registry,
    repository,
    bases: addresses(host, insecure, certificates !== undefined),
    mirror,
    resolves: true,
    insecure,
    headers: {},
    namespace: undefined,
    certificates,
  };
}

/** Plain http is for this machine and for who is declared insecure; who has certificates here has TLS. */
function addresses(host: string, insecure: boolean, hasCertificates: boolean): [URL, ...URL[]] {
  const [secure, plain] = [new URL(`https://${host}/v2/`), new URL(`http://${host}/v2/`)];
  if (insecure) return [secure, plain];
  const local = isLoopback(secure.hostname) && /:\d+$/.test(host) && !hasCertificates;
  return local ? [plain, secure] : [secure];
}

function withHostsFile(place: Place, options: PlaceOptions): Endpoint[] {
  const { insecure = false, places = {} } = options;
  const hosts = loadHostsFile(place.registry, places);
  const entries = [
    ...(hosts?.mirrors ?? [])
      .filter(({ pulls }) => pulls)
      .map((entry) => hostEndpoint(entry, place, true, places)),
  ];
  const server = hosts?.server;
  if (server === undefined) return [...entries, registryEndpoint(place, options)];
  const last = hostEndpoint(server, place, false, places);
  return [...entries, { ...last, resolves: true, insecure: insecure || last.insecure }];
}

function hostEndpoint(entry: HostEntry, place: Place, mirror: boolean, places: ConfigPlaces): Endpoint {
  const { host, hostname } = entry.base;
  const registry = host === HUB_HOST ? HUB : host;
  const found = loadCertificates(registry, places);
  const [client] = entry.client.map(([certificate, key]) => readClient(certificate, key));
  const certificates: Certificates = {
    ca: [...entry.ca.map(readPem), ...(found?.ca ?? [])],
    client: client ?? found?.client,
  };
  // An http address is the administrator's word that this server has no TLS.
  const plain = entry.base.protocol === "http:" && !isLoopback(hostname);
  return {
    host,
    registry,
    repository: place.repository,
    bases: [entry.base],
    mirror,
    resolves: entry.resolves,
    insecure: entry.skipVerify || plain,
    headers: entry.headers,
    namespace: registry === place.registry ? undefined : place.registry,
    certificates,
  };
}

/** Whether a mirror is meant for tags or for digests only (`pull-from-mirror`). */
function serves({ pulls }: Mirror, { digest }: Reference): boolean {
  return pulls === "all" || (pulls === "digest-only") === (digest !== undefined);
}

function locate(name: string): Place {
  const slash = name.indexOf("/");
  return { registry: name.slice(0, slash), repository: name.slice(slash + 1) };
}
