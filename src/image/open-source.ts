/** A reference's source: the client of its registry, or of the mirrors before it, as the configuration has them. */
import { CurruntError } from "../base/error.ts";
import type { ConfigPlaces } from "./config-place.ts";
import type { Credentials } from "./credentials.ts";
import { findCredentials } from "./credentials.ts";
import type { Endpoint } from "./endpoint.ts";
import { endpointsFor } from "./endpoint.ts";
import type { ImageSource } from "./image-source.ts";
import { MirroredSource } from "./mirrors.ts";
import type { Reference } from "./reference.ts";
import { loadRegistriesConf } from "./registries-conf.ts";
import { RegistryClient } from "./registry.ts";
import type { Patience } from "./transport.ts";
import { Transport } from "./transport.ts";

/** A user name and a password or token for a registry. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

/** How registries are to be spoken to, where the configuration does not say all. */
export interface Access {
  /** For the registry that the reference names, not for mirrors; absent: what the credential files say. */
  readonly login?: Login | undefined;
  /** The only file of credentials that counts. */
  readonly authFile?: string | undefined;
  /** False: the registry that the reference names need not prove who it is, nor have TLS. */
  readonly verifyTls?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Time-outs and retries, where the defaults do not fit. */
  readonly patience?: Partial<Patience> | undefined;
  readonly places?: ConfigPlaces | undefined;
}

interface OpenOptions extends Access {
  readonly onWarning: (message: string) => void;
  /** What tokens are to be good for; absent: reading. */
  readonly scope?: string | undefined;
}

/** A mirror is left for the next server rather than waited for. */
const MIRROR_ATTEMPTS = 2;

/** Where the content of `reference` comes from. Nothing is asked before the first use. Throws for a bad configuration. */
export function openSource(reference: Reference, options: OpenOptions): ImageSource {
  const { verifyTls, places = {}, signal, onWarning, patience } = options;
  const endpoints = endpointsFor(reference, { conf: loadRegistriesConf(places), verifyTls, places });
  const servers = endpoints.map((endpoint) => ({
    host: endpoint.host,
    resolves: endpoint.resolves,
    open: () => openClient(reference, endpoint, options),
  }));
  return new MirroredSource(servers, { signal, onWarning, transport: new Transport(patience) });
}

/** A client of the very registry that `reference` names: what is sent goes to no mirror. Throws as `openSource`. */
export async function openRegistry(reference: Reference, options: OpenOptions): Promise<RegistryClient> {
  const { verifyTls, places = {} } = options;
  const endpoints = endpointsFor(reference, { conf: loadRegistriesConf(places), verifyTls, places });
  const registry = endpoints.at(-1);
  if (registry === undefined) throw new CurruntError("internal", "a registry has no address");
  return await openClient(reference, registry, options);
}

async function openClient(
  reference: Reference,
  endpoint: Endpoint,
  options: OpenOptions,
): Promise<RegistryClient> {
  const { signal, onWarning, patience, scope } = options;
  const credentials = await credentialsFor(endpoint, options);
  const shortened = {
    ...patience,
    attempts: Math.min(patience?.attempts ?? MIRROR_ATTEMPTS, MIRROR_ATTEMPTS),
  };
  return new RegistryClient(reference, {
    endpoint,
    credentials,
    scope,
    signal,
    onWarning,
    patience: endpoint.mirror ? shortened : patience,
  });
}

async function credentialsFor(
  endpoint: Endpoint,
  { login, authFile, places = {}, onWarning }: OpenOptions,
): Promise<Credentials | undefined> {
  if (login !== undefined && !endpoint.mirror) return { kind: "password", ...login };
  return await findCredentials(endpoint, { ...places, authFile, onWarning });
}
