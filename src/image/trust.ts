/** Which servers one registry's requests may reach, and how TLS checks each of them. */
import { rootCertificates } from "node:tls";
import type { Certificates } from "./certificates.ts";
import { loadCertificates, systemAuthorities } from "./certificates.ts";
import type { ConfigPlaces } from "./config-place.ts";

/** Bun's and Node's TLS options, as far as they are ours. */
export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized?: boolean;
}

/** One registry, as the configuration sees it. */
export interface TrustedServer {
  /** "host[:port]" */
  readonly host: string;
  /** Its certificate is not checked, and it may do without TLS. */
  readonly insecure: boolean;
  readonly certificates: Certificates | undefined;
}

/** The rules for a registry and for what it sends us on to: token servers, object stores. */
export class Trust {
  readonly #server: TrustedServer | undefined;
  readonly #places: ConfigPlaces;
  readonly #options = new Map<string, TlsOptions | undefined>();

  /** Without a server: the system's authorities only. */
  constructor(server?: TrustedServer, places: ConfigPlaces = {}) {
    this.#server = server;
    this.#places = places;
  }

  /** TLS for a request to `url`; undefined: Bun's own way. */
  tlsFor({ protocol, host }: URL): TlsOptions | undefined {
    if (protocol !== "https:") return undefined;
    if (!this.#options.has(host)) this.#options.set(host, this.#make(host));
    return this.#options.get(host);
  }

  /** Whether the server at `url` may be spoken to without TLS though it is not this machine. */
  allowsPlain({ hostname }: URL): boolean {
    const { host = "", insecure = false } = this.#server ?? {};
    return insecure && URL.parse(`http://${host}`)?.hostname === hostname;
  }

  #make(host: string): TlsOptions | undefined {
    const { certificates, insecure = false, host: ownHost } = this.#server ?? {};
    const own = host === ownHost;
    // A certificate that shows who we are is for the registry alone, and so is carelessness.
    const client = own ? certificates?.client : undefined;
    if (own && insecure) return { ...client, rejectUnauthorized: false };
    // A private authority signs a registry's token server and object store too.
    const added = [
      ...(certificates?.ca ?? []),
      ...(own ? [] : (loadCertificates(host, this.#places)?.ca ?? [])),
    ];
    const system = systemAuthorities(this.#places);
    if (added.length === 0 && system === undefined) return client;
    return { ...client, ca: [system ?? rootCertificates.join("\n"), ...added].join("\n") };
  }
}
