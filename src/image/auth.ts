/** Authorization at a registry: Basic, and Bearer tokens fetched, kept and renewed as its challenges ask. */
import { CurruntError, wrap } from "../base/error.ts";
import { isInternal, isLoopback } from "./address.ts";
import type { Challenge } from "./challenge.ts";
import { parseChallenges } from "./challenge.ts";
import type { Credentials } from "./credentials.ts";
import type { Token } from "./token.ts";
import { parseToken, refusedToken } from "./token.ts";
import type { Transport } from "./transport.ts";
import { discard, readAtMost } from "./transport.ts";

const MAX_TOKEN_BYTES = 1 << 20;
/** Servers that do not know the POST form answer so; then GET is tried. */
const noPostStatuses: ReadonlySet<number> = new Set([400, 401, 404, 405, 501]);
const CLIENT_ID = "currunt";

export interface AuthorizerOptions {
  readonly transport: Transport;
  /** The root of the registry's API. */
  readonly base: URL;
  /** Undefined: anonymous. */
  readonly credentials: Credentials | undefined;
  /** Refused credentials are an error, and no reason to go on without. */
  readonly strict?: boolean | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Authorization for one registry. All requests of a pull share it. */
export class Authorizer {
  readonly #transport: Transport;
  readonly #base: URL;
  readonly #onWarning: ((message: string) => void) | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #strict: boolean;
  #credentials: Credentials | undefined;
  #challenge: Challenge | undefined;
  /** One request a scope at a time; a finished one is kept until its token ends. */
  readonly #tokens = new Map<string, Promise<Token>>();

  constructor({ transport, base, credentials, strict = false, onWarning, signal }: AuthorizerOptions) {
    this.#strict = strict;
    this.#transport = transport;
    this.#base = base;
    this.#credentials = credentials;
    this.#onWarning = onWarning;
    this.#signal = signal;
  }

  /** True when a refusal may be about who we are, not about being nobody. */
  get hasCredentials(): boolean {
    return this.#credentials !== undefined;
  }

  /** Whether the registry has asked who we are. */
  get wasChallenged(): boolean {
    return this.#challenge !== undefined;
  }

  /** The Authorization header for a request, as far as the registry's wishes are known; undefined: send none. */
  async header(scope: string): Promise<string | undefined> {
    const credentials = this.#credentials;
    if (credentials?.kind === "registry-token") return `Bearer ${credentials.token}`;
    if (this.#challenge === undefined) return undefined;
    if (this.#challenge.scheme === "basic") {
      return credentials?.kind === "password" ? basic(credentials) : undefined;
    }
    return `Bearer ${(await this.#token(scope)).value}`;
  }

  /**
   * Takes a 401's challenges in. `sent` is the header that was refused. Resolves to true when another try makes sense.
   */
  async challenged(response: Response, scope: string, sent: string | undefined): Promise<boolean> {
    const offered = parseChallenges(response.headers.get("www-authenticate") ?? "");
    return this.#accept(offered.length > 0 ? offered : await this.#ping(), scope, sent);
  }

  #accept(offered: readonly Challenge[], scope: string, sent: string | undefined): boolean {
    const bearer = offered.find(
      ({ scheme, parameters }) => scheme === "bearer" && parameters["realm"] !== undefined,
    );
    const chosen = bearer ?? offered.find(({ scheme }) => scheme === "basic");
    if (chosen === undefined) {
      if (offered.length === 0) return false;
      throw new CurruntError(
        "unsupported",
        `log in to ${this.#base.host}: it wants ${offered.map(({ scheme }) => scheme).join(" or ")}`,
        { hint: "Basic and Bearer are supported" },
      );
    }
    this.#challenge = chosen;
    if (chosen.scheme === "basic") return this.#credentials?.kind === "password" && sent === undefined;
    // A token was refused: it ran out, was revoked, or the registry wants more than it stands for.
    if (sent !== undefined) this.#tokens.delete(scope);
    return this.#credentials?.kind !== "registry-token";
  }

  /** Old registries refuse without saying what they want; their root says it. */
  async #ping(): Promise<Challenge[]> {
    const { response } = await this.#transport.send(this.#base, this.#options());
    await discard(response);
    return parseChallenges(response.headers.get("www-authenticate") ?? "");
  }

  async #token(scope: string): Promise<Token> {
    const known = this.#tokens.get(scope);
    if (known !== undefined) {
      const token = await known;
      if (token.expiresAt > Date.now()) return token;
      // Of all that waited, the first one renews.
      if (this.#tokens.get(scope) === known) this.#tokens.delete(scope);
      return this.#token(scope);
    }
    const fetched = this.#fetchToken(scope);
    this.#tokens.set(scope, fetched);
    try {
      return await fetched;
    } catch (error) {
      if (this.#tokens.get(scope) === fetched) this.#tokens.delete(scope);
      throw error;
    }
  }

  async #fetchToken(scope: string): Promise<Token> {
    const parameters = this.#challenge?.parameters ?? {};
    const realm = tokenServer(parameters["realm"] ?? "", this.#base, (url) =>
      this.#transport.trust.allowsPlain(url),
    );
    const scopes = mergeScopes(scope, parameters["scope"]);
    const service = parameters["service"];
    let response = await this.#ask(realm, scopes, service);
    const { status } = response;
    const anonymous = this.#credentials === undefined;
    if ((status === 401 || status === 403) && this.#credentials !== undefined && !this.#strict) {
      // Some servers (quay; GitLab with 403) refuse public images to wrong credentials too.
      await discard(response);
      this.#onWarning?.(
        `${realm.host} refused the credentials for ${this.#base.host}: going on without them`,
      );
      this.#credentials = undefined;
      response = await this.#ask(realm, scopes, service);
    }
    if (!response.ok) {
      await discard(response);
      throw refusedToken({ status, realm, base: this.#base, anonymous });
    }
    const { idleMs } = this.#transport.patience;
    const bytes = await readAtMost(response, MAX_TOKEN_BYTES, idleMs).catch((error: unknown) => {
      throw wrap(error, `get a token from ${realm.host}`);
    });
    return parseToken(bytes, realm);
  }

  async #ask(realm: URL, scopes: readonly string[], service: string | undefined): Promise<Response> {
    const credentials = this.#credentials;
    if (credentials?.kind === "identity-token") {
      return this.#post(realm, {
        grant_type: "refresh_token",
        refresh_token: credentials.token,
        scope: scopes.join(" "),
        ...(service === undefined ? {} : { service }),
      });
    }
    const password = credentials?.kind === "password" ? credentials : undefined;
    const url = new URL(realm);
    if (service !== undefined) url.searchParams.set("service", service);
    // Servers that read one scope only read the first.
    for (const scope of scopes) url.searchParams.append("scope", scope);
    if (password !== undefined) url.searchParams.set("account", password.username);
    const headers = password === undefined ? {} : { authorization: basic(password) };
    const { response } = await this.#transport.send(url, { ...this.#options(), headers });
    if (password === undefined || response.ok || !noPostStatuses.has(response.status)) return response;
    const posted = await this.#post(realm, {
      grant_type: "password",
      username: password.username,
      password: password.password,
      scope: scopes.join(" "),
      ...(service === undefined ? {} : { service }),
    });
    if (posted.ok) {
      await discard(response);
      return posted;
    }
    await discard(posted);
    return response;
  }

  async #post(realm: URL, fields: Record<string, string>): Promise<Response> {
    const body = new URLSearchParams({ ...fields, client_id: CLIENT_ID, access_type: "offline" }).toString();
    const { response } = await this.#transport.send(realm, {
      ...this.#options(),
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body,
    });
    return response;
  }

  #options() {
    return { signal: this.#signal, onRetry: this.#onWarning };
  }
}

/** The scope for reading a repository (distribution's token scope documentation). */
export function pullScope(repository: string): string {
  return `repository:${repository}:pull`;
}

/** The scope for writing to a repository, and for taking blobs from others of the same registry. */
export function pushScope(repository: string, sources: readonly string[]): string {
  return [`repository:${repository}:pull,push`, ...sources.map(pullScope)].join(" ");
}

/**
 * The token server's address, checked: the registry chooses it, and must not send us, or our password, to a
 * server inside of our network or over a line that others read.
 */
export function tokenServer(realm: string, base: URL, allowsPlain: (url: URL) => boolean = () => false): URL {
  const url = URL.parse(realm, base.href);
  const action = `log in to ${base.host}`;
  const hint = "do not trust this registry, or tell its operator";
  if (url === null || !(url.protocol === "https:" || url.protocol === "http:")) {
    throw new CurruntError("denied", `${action}: its token server is no web address`, { hint });
  }
  if (url.hostname === base.hostname && url.protocol === base.protocol) return url;
  if (allowsPlain(url)) return url;
  if (url.protocol !== "https:" && !(isLoopback(base.hostname) && isLoopback(url.hostname))) {
    throw new CurruntError("denied", `${action}: its token server ${url.host} has no TLS`, { hint });
  }
  if (url.hostname !== base.hostname && isInternal(url.hostname) && !isLoopback(base.hostname)) {
    throw new CurruntError("denied", `${action}: its token server ${url.host} is an internal address`, {
      hint,
    });
  }
  return url;
}

/** Ours first and always: some challenges carry no scope, and some servers refuse a request without one. */
function mergeScopes(own: string, asked: string | undefined): string[] {
  return [...new Set([...own.split(" "), ...(asked ?? "").split(" ")])].filter((scope) => scope !== "");
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
