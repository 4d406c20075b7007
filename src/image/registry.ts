/** Client of the distribution spec: manifests and blobs of one repository. */
import { CurruntError, explain, wrap } from "../base/error.ts";
import { Authorizer, pullScope } from "./auth.ts";
import { rangeHeader } from "./blob-range.ts";
import type { BlobSource } from "./blob-source.ts";
import { ConnectionSlots } from "./blob-source.ts";
import type { BlobStreamOptions } from "./blob-stream.ts";
import { streamBlob } from "./blob-stream.ts";
import type { Credentials } from "./credentials.ts";
import { DigestError, digestOf, isDigest, verifyBytes } from "./digest.ts";
import type { Descriptor } from "./manifest.ts";
import { MAX_MANIFEST_BYTES } from "./manifest.ts";
import { bareType, isSchema1Type, manifestTypes } from "./media-type.ts";
import type { Reference } from "./reference.ts";
import { familiarName } from "./reference.ts";
import { MAX_ERROR_BYTES, refusalError } from "./registry-error.ts";
import { signedPayload } from "./schema1.ts";
import type { Exchange, Patience, RequestOptions } from "./transport.ts";
import { discard, isInternal, isLoopback, readAtMost, sleep, Transport } from "./transport.ts";

/** A manifest as the registry sent it, its digest checked or computed. */
export interface FetchedManifest {
  readonly bytes: Uint8Array;
  /** Content-Type without parameters; may be wrong or missing. */
  readonly contentType: string;
  readonly digest: string;
}

export interface RegistryOptions {
  /** What its tokens are to be good for; absent: reading the repository. */
  readonly scope?: string | undefined;
  /** Undefined: anonymous. */
  readonly credentials?: Credentials | undefined;
  readonly patience?: Partial<Patience> | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
}

const ACCEPT = manifestTypes.join(", ");
const HUB_HOST = "registry-1.docker.io";
/** First refusal, a renewed token, a wider scope: more rounds of asking do not help. */
const MAX_AUTH_ROUNDS = 3;

/** One repository at its registry. Requests share connections, challenge and tokens. */
export class RegistryClient implements BlobSource {
  readonly repository: string;
  readonly transport: Transport;
  readonly slots = new ConnectionSlots();
  readonly #name: string;
  readonly #options: RegistryOptions;
  readonly #secrets: readonly string[];
  readonly #warned = new Set<string>();
  #base: URL;
  #authorizer: Authorizer;

  constructor(reference: Reference, options: RegistryOptions = {}) {
    this.repository = reference.repository;
    this.#name = familiarName(reference);
    this.#options = options;
    this.#secrets = secretsOf(options.credentials);
    this.transport = new Transport(options.patience);
    this.#base = baseAddress(reference.registry);
    this.#authorizer = this.#newAuthorizer();
  }

  /** The registry's host with its port, as it is asked. */
  get host(): string {
    return this.#base.host;
  }

  /** "http:" or "https:", as it is spoken to. */
  get protocol(): string {
    return this.#base.protocol;
  }

  /**
   * The manifest that a tag or digest names. What a digest names is checked against it. GET, never HEAD: signed
   * redirects are valid for one method only.
   */
  async manifest(tagOrDigest: string): Promise<FetchedManifest> {
    const separator = isDigest(tagOrDigest) ? "@" : ":";
    const subject = `manifest of "${this.#name}${separator}${tagOrDigest}"`;
    const { response, body: raw } = await this.#document(`manifests/${tagOrDigest}`, `get the ${subject}`);
    if (raw === undefined) {
      throw new CurruntError(
        "invalid",
        `get the ${subject}: it is larger than ${MAX_MANIFEST_BYTES >> 20} MiB`,
        {
          hint: "no real manifest needs that much: check the name",
        },
      );
    }
    const contentType = bareType(response.headers.get("content-type"));
    const whole = decoded(raw, response.headers.get("content-encoding"));
    // Of a signed manifest the digest covers the payload only: nothing else is looked at from here on.
    const bytes = signedPayload(whole);
    if (isDigest(tagOrDigest)) {
      verifyBytes(bytes, tagOrDigest, subject);
      return { bytes, contentType, digest: tagOrDigest };
    }
    const digest = digestOf(bytes);
    const told = response.headers.get("docker-content-digest") ?? "";
    // The header may use another algorithm; for a converted schema 1 manifest some announce the original's.
    if (told.startsWith("sha256:") && told !== digest && !isSchema1Type(contentType)) {
      throw new DigestError(subject, `its digest is ${digest}, the registry announced ${told}`);
    }
    return { bytes, contentType, digest };
  }

  /** A manifest's answer with its body, asked for again when that breaks off; undefined: too long. */
  async #document(
    path: string,
    action: string,
  ): Promise<{ response: Response; body: Uint8Array | undefined }> {
    const { attempts, baseDelayMs, idleMs } = this.transport.patience;
    const { signal } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const { response } = await this.#request(path, { accept: ACCEPT });
      if (!response.ok) throw await this.refusal(response, action);
      try {
        return { response, body: await readAtMost(response, MAX_MANIFEST_BYTES, idleMs) };
      } catch (error) {
        signal?.throwIfAborted();
        if (attempt >= attempts) throw wrap(error, action);
        this.warn(`${this.host}: ${explain(error)}; trying again`);
        await sleep(baseDelayMs, signal);
      }
    }
  }

  /** A small blob in whole, checked; at most `limit` bytes. */
  async blobBytes(descriptor: Descriptor, limit: number): Promise<Uint8Array> {
    if (descriptor.size > limit) {
      throw new CurruntError(
        "invalid",
        `get blob ${descriptor.digest}: it is larger than ${limit >> 20} MiB`,
        {
          hint: "no real image needs that much: check the name",
        },
      );
    }
    return new Uint8Array(await new Response(this.blob(descriptor)).arrayBuffer());
  }

  /**
   * A blob as a stream that resumes after a cut and ends in an error unless size and digest are right. Nothing is
   * asked before the first read; unread data waits at the registry.
   */
  blob(descriptor: Descriptor, options: BlobStreamOptions = {}): ReadableStream<Uint8Array> {
    return streamBlob(this, descriptor, { signal: this.#options.signal, ...options });
  }

  /** Answers with the blob from byte `offset` on, or from 0 where the server cannot do that; 416 when nothing is there. */
  async openBlob({ digest, urls }: Descriptor, offset: number, end?: number): Promise<Response> {
    const headers = offset === 0 && end === undefined ? {} : { range: rangeHeader(offset, end) };
    const { response } = await this.#request(`blobs/${digest}`, headers);
    if (response.ok || response.status === 416) return response;
    if (response.status === 404 || response.status === 403) {
      for (const url of urls ?? []) {
        const foreign = await this.#openForeign(url, headers);
        if (foreign === undefined) continue;
        await discard(response);
        return foreign;
      }
    }
    throw await this.refusal(response, `get blob ${digest} of "${this.#name}"`);
  }

  warn(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.#options.onWarning?.(message);
  }

  /** A layer kept elsewhere, asked for without a word about who we are (CVE-2020-15157). */
  async #openForeign(address: string, headers: Record<string, string>): Promise<Response | undefined> {
    const url = URL.parse(address);
    const safe = url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(url.hostname));
    // An image must not have us ask servers of our own network.
    if (url === null || !safe || (isInternal(url.hostname) && !isInternal(this.#base.hostname)))
      return undefined;
    url.username = "";
    url.password = "";
    const { response } = await this.transport.send(url, { headers, signal: this.#options.signal });
    if (response.ok) return response;
    await discard(response);
    return undefined;
  }

  #request(path: string, headers: Record<string, string>): Promise<Exchange> {
    return this.request(path, { headers });
  }

  /**
   * Sends a request, with authorization: to a path below the repository's, or to an address that the registry gave. Whatever the answer is,
   * but for challenges.
   */
  async request(place: string | URL, options: RequestOptions = {}): Promise<Exchange> {
    const scope = this.#options.scope ?? pullScope(this.repository);
    for (let round = 1; ; round++) {
      const target =
        typeof place === "string" ? new URL(`/v2/${this.repository}/${place}`, this.#base) : place;
      // Another host's business is not who we are.
      const own = target.origin === this.#base.origin;
      const authorization = own ? await this.#authorizer.header(scope) : undefined;
      const exchange = await this.#send(target, {
        ...options,
        headers: { ...options.headers, ...(authorization === undefined ? {} : { authorization }) },
      });
      const { response, url } = exchange;
      this.#tellWarnings(response);
      if (this.#speaksTls(response)) {
        await discard(response);
        this.#base = new URL(this.#base.href.replace(/^http:/, "https:"));
        this.#authorizer = this.#newAuthorizer();
        continue;
      }
      // A 401 of an object store behind a redirect is not the registry's.
      if (response.status !== 401 || url.origin !== this.#base.origin || round > MAX_AUTH_ROUNDS)
        return exchange;
      const body = await readAtMost(response, MAX_ERROR_BYTES, this.transport.patience.idleMs);
      if (!(await this.#authorizer.challenged(response, scope, authorization))) {
        const { status, headers: kept } = response;
        return { response: new Response(Buffer.from(body ?? []), { status, headers: kept }), url };
      }
    }
  }

  #send(target: URL, options: RequestOptions): Promise<Exchange> {
    return this.transport.send(target, {
      ...options,
      signal: this.#options.signal,
      onRetry: (message) => this.#options.onWarning?.(message),
    });
  }

  /** Go's TLS servers answer plain http with this; a loopback registry may have a certificate. */
  #speaksTls(response: Response): boolean {
    return (
      this.#base.protocol === "http:" &&
      response.status === 400 &&
      !response.headers.has("docker-distribution-api-version") &&
      isLoopback(this.#base.hostname) &&
      response.headers.get("content-type") === null
    );
  }

  #newAuthorizer(): Authorizer {
    const { credentials, onWarning, signal } = this.#options;
    return new Authorizer({ transport: this.transport, base: this.#base, credentials, onWarning, signal });
  }

  /** The error that a refusing answer stands for. */
  async refusal(response: Response, action: string): Promise<CurruntError> {
    const body = await readAtMost(response, MAX_ERROR_BYTES, this.transport.patience.idleMs).catch(
      () => undefined,
    );
    const loggedIn = this.#authorizer.hasCredentials;
    return refusalError({
      action,
      host: this.host,
      status: response.status,
      body,
      loggedIn,
      secrets: this.#secrets,
    });
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

/** Where a registry's API is: Docker Hub has a host of its own for it; plain http is for loopback only. */
function baseAddress(registry: string): URL {
  const host = registry === "docker.io" ? HUB_HOST : registry;
  const secure = new URL(`https://${host}/`);
  return isLoopback(secure.hostname) && secure.port !== "" ? new URL(`http://${host}/`) : secure;
}

/** Some proxies compress though they were asked not to; what is no gzip after all is left alone. */
function decoded(bytes: Uint8Array, encoding: string | null): Uint8Array {
  const compressed = /^(?:x-)?gzip$/i.test(encoding ?? "") && bytes[0] === 0x1f && bytes[1] === 0x8b;
  return compressed
    ? process.getBuiltinModule("node:zlib").gunzipSync(bytes, { maxOutputLength: MAX_MANIFEST_BYTES })
    : bytes;
}

function secretsOf(credentials: Credentials | undefined): string[] {
  if (credentials === undefined) return [];
  if (credentials.kind !== "password") return [credentials.token];
  const { username, password } = credentials;
  return [Buffer.from(`${username}:${password}`).toString("base64"), password];
}
