/** Requests to one server about one repository: where it is, who we are to it, what it warns of, how it refuses. */
import type { CurruntError } from "../base/error.ts";
import { Authorizer, pullScope } from "./auth.ts";
import { ConnectionError, isFinal, mayBeProtocol } from "./connection-error.ts";
import type { Credentials } from "./credentials.ts";
import type { Endpoint } from "./endpoint.ts";
import { registryEndpoint } from "./endpoint.ts";
import type { Reference } from "./reference.ts";
import { MAX_ERROR_BYTES, refusalError } from "./registry-error.ts";
import type { Exchange, Patience, RequestOptions } from "./transport.ts";
import { discard, readAtMost, Transport } from "./transport.ts";
import { Trust } from "./trust.ts";

export interface RegistryOptions {
  /** The server that stands for the reference's registry; absent: the registry itself. */
  readonly endpoint?: Endpoint | undefined;
  /** What its tokens are to be good for; absent: reading the repository. */
  readonly scope?: string | undefined;
  /** Undefined: anonymous. */
  readonly credentials?: Credentials | undefined;
  /** Refused credentials are an error also where public images can be had without. */
  readonly strict?: boolean | undefined;
  readonly patience?: Partial<Patience> | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** First refusal, a renewed token, a wider scope: more rounds of asking do not help. */
const MAX_AUTH_ROUNDS = 3;

/** One repository at its server. Requests share connections, challenge and tokens. */
export class RegistryConnection {
  readonly repository: string;
  readonly transport: Transport;
  readonly #options: RegistryOptions;
  readonly #endpoint: Endpoint;
  readonly #secrets: readonly string[];
  readonly #warned = new Set<string>();
  #root: URL;
  /** Addresses of the server that may be right where the current one is not; none once one has answered. */
  #others: readonly URL[];
  #authorizer: Authorizer;

  constructor(reference: Reference, options: RegistryOptions = {}) {
    const { endpoint = registryEndpoint(reference) } = options;
    this.repository = endpoint.repository;
    this.transport = new Transport(options.patience, new Trust(endpoint));
    this.#options = options;
    this.#endpoint = endpoint;
    this.#secrets = secretsOf(options.credentials);
    [this.#root, ...this.#others] = endpoint.bases;
    this.#authorizer = this.#newAuthorizer();
  }

  /** The registry's host with its port, as it is asked. */
  get host(): string {
    return this.#root.host;
  }

  /** The root of its API, as it is asked: "https://host/v2/". */
  get root(): URL {
    return this.#root;
  }

  /** Whether the registry has wanted to know who we are. */
  get wasChallenged(): boolean {
    return this.#authorizer.wasChallenged;
  }

  /**
   * Sends a request, with authorization: to a path below the repository's, to the API's root, which is about no
   * repository, or to an address that the registry gave. Whatever the answer is, but for challenges.
   */
  async request(place: string | "root" | URL, options: RequestOptions = {}): Promise<Exchange> {
    const scope = this.#options.scope ?? pullScope(this.repository);
    for (let round = 1; ; round++) {
      // Another host's business is not who we are.
      const own = typeof place === "string" || place.origin === this.#root.origin;
      const authorization = own ? await this.#authorizer.header(scope) : undefined;
      const exchange = await this.#reach(place, {
        ...options,
        headers: { ...options.headers, ...(authorization === undefined ? {} : { authorization }) },
      });
      const { response, url } = exchange;
      this.#tellWarnings(response);
      // A 401 of an object store behind a redirect is not the registry's.
      if (response.status !== 401 || url.origin !== this.#root.origin || round > MAX_AUTH_ROUNDS)
        return exchange;
      const body = await readAtMost(response, MAX_ERROR_BYTES, this.transport.patience.idleMs);
      if (!(await this.#authorizer.challenged(response, scope, authorization))) {
        const { status, headers: kept } = response;
        return { response: new Response(Buffer.from(body ?? []), { status, headers: kept }), url };
      }
    }
  }

  /** The error that a refusing answer stands for. */
  async refusal(response: Response, action: string): Promise<CurruntError> {
    const body = await readAtMost(response, MAX_ERROR_BYTES, this.transport.patience.idleMs).catch(
      () => undefined,
    );
    const loggedIn = this.#authorizer.hasCredentials;
    const { host, status } = { host: this.host, status: response.status };
    return refusalError({ action, host, status, body, loggedIn, secrets: this.#secrets });
  }

  /** Tells the caller something, once. */
  warn(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.#options.onWarning?.(message);
  }

  /** Sends a request to the first of the server's addresses that understands it: the one with TLS, or the one without. */
  async #reach(place: string | URL, options: RequestOptions): Promise<Exchange> {
    const first = this.#root;
    if (this.#others.length > 0) {
      for (const root of [first, ...this.#others]) {
        this.#moveTo(root);
        const exchange = await this.#probe(place, options);
        if (exchange === undefined) continue;
        this.#others = [];
        return exchange;
      }
      this.#others = [];
      this.#moveTo(first);
    }
    return await this.#send(place, options);
  }

  /** The answer, unless it, or the lack of one, shows that the server speaks another protocol. */
  async #probe(place: string | URL, options: RequestOptions): Promise<Exchange | undefined> {
    try {
      const exchange = await this.#send(place, { ...options, probing: true });
      if (this.#root.protocol === "https:" || !wantsTls(exchange.response)) return exchange;
      await discard(exchange.response);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      const { reason } = error;
      if (mayBeProtocol(reason)) return undefined;
      if (isFinal(reason)) throw error;
      // A slow or broken line says nothing about the protocol: from here on it is waited for.
      return await this.#send(place, options);
    }
    return undefined;
  }

  #moveTo(root: URL): void {
    if (root === this.#root) return;
    this.#root = root;
    this.#authorizer = this.#newAuthorizer();
  }

  #send(place: string | URL, options: RequestOptions): Promise<Exchange> {
    const { headers, namespace } = this.#endpoint;
    const url = this.#addressOf(place);
    if (namespace !== undefined && typeof place === "string") url.searchParams.set("ns", namespace);
    const ownHeaders = url.origin === this.#root.origin ? headers : undefined;
    return this.transport.send(url, {
      ...options,
      ownHeaders,
      signal: this.#options.signal,
      onRetry: (message) => this.#options.onWarning?.(message),
    });
  }

  #addressOf(place: string | URL): URL {
    if (place instanceof URL) return place;
    return place === "root" ? new URL(this.#root) : new URL(`${this.repository}/${place}`, this.#root);
  }

  #newAuthorizer(): Authorizer {
    const { credentials, strict, onWarning, signal } = this.#options;
    const { transport } = this;
    return new Authorizer({ transport, base: this.#root, credentials, strict, onWarning, signal });
  }

  /** Registries announce brown-outs and limits in `Warning: 299 - "text"` (distribution spec). */
  #tellWarnings(response: Response): void {
    for (const [, text = ""] of (response.headers.get("warning") ?? "").matchAll(
      /299 - "((?:[^"\\]|\\.){1,300})"/g,
    )) {
      this.warn(`${this.host}: ${text.replace(/\\(.)/g, "$1").replace(/\p{C}+/gu, " ")}`);
    }
  }
}

/** TLS servers answer plain http so, in words of their own. */
function wantsTls({ status, headers }: Response): boolean {
  const type = headers.get("content-type") ?? "text/html";
  return status === 400 && !headers.has("docker-distribution-api-version") && type.startsWith("text/html");
}

function secretsOf(credentials: Credentials | undefined): string[] {
  if (credentials === undefined) return [];
  if (credentials.kind !== "password") return [credentials.token];
  const { username, password } = credentials;
  return [Buffer.from(`${username}:${password}`).toString("base64"), password];
}
