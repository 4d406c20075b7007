/** One HTTP exchange with a registry: redirects by hand, time-outs, retries with back-off. */
import { ofetch } from "ofetch";
import { CurruntError } from "../base/error.ts";
import { version } from "../base/version.ts";
import { ConnectionError, isFinal } from "./connection-error.ts";
import { withJitter } from "./delay.ts";
import { redirectTarget } from "./redirect.ts";
import type { RequestBody } from "./request-body.ts";
import { streamedBody } from "./request-body.ts";
import { Trust } from "./trust.ts";

/** A response whose body has not been read: the caller reads or cancels it. */
export interface Exchange {
  readonly response: Response;
  /** Where the response came from, after redirects. */
  readonly url: URL;
}

export interface RequestOptions {
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** More headers, which no other server may see. */
  readonly ownHeaders?: Readonly<Record<string, string>> | undefined;
  /** Text is a form, which is for the server alone that it is sent to. */
  readonly body?: string | RequestBody | undefined;
  /** Attempts in all, where that is not the transport's patience. */
  readonly attempts?: number | undefined;
  /** Whether a server is there at all is the question: a connection that fails is not tried again. */
  readonly probing?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called before each new attempt. */
  readonly onRetry?: ((message: string) => void) | undefined;
}

/** Waiting times; tests shorten them. */
export interface Patience {
  /** Attempts at one request in all. */
  readonly attempts: number;
  /** Wait before the second attempt; doubles each time. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** Longest silence of a server, for headers as for each piece of a body. */
  readonly idleMs: number;
}

const defaultPatience: Patience = {
  attempts: 5,
  baseDelayMs: 1_000,
  maxDelayMs: 60_000,
  idleMs: 60_000,
};

const MAX_REDIRECTS = 10;
const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const retryStatuses: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Sends requests with one kind of patience, under one registry's rules of trust. */
export class Transport {
  readonly patience: Patience;
  readonly trust: Trust;

  constructor(patience: Partial<Patience> = {}, trust = new Trust()) {
    this.patience = { ...defaultPatience, ...patience };
    this.trust = trust;
  }

  /**
   * Sends a request and follows redirects; any status below 400 and every final one above is returned. Retries
   * connection failures and the statuses that ask for it. Throws "unavailable" when nobody answers.
   */
  async send(url: URL, options: RequestOptions = {}): Promise<Exchange> {
    const { attempts = this.patience.attempts } = options;
    for (let attempt = 1; ; attempt++) {
      options.signal?.throwIfAborted();
      const last = attempt === attempts;
      let delayMs = this.#backOff(attempt);
      let reason: string;
      try {
        const exchange = await this.#follow(url, options);
        const { response } = exchange;
        if (last || !retryStatuses.has(response.status)) return exchange;
        const asked = retryAfterMs(response.headers.get("retry-after"));
        // A server that sends us away for long means it: the caller's message tells what to do.
        if (asked !== undefined && asked > this.patience.maxDelayMs) return exchange;
        delayMs = Math.max(asked ?? 0, delayMs);
        reason = `it answered ${response.status}`;
        await discard(response);
      } catch (error) {
        options.signal?.throwIfAborted();
        if (error instanceof CurruntError) throw error;
        reason = plain(error);
        if (last || options.probing === true || isFinal(reason)) throw new ConnectionError(url.host, reason);
      }
      options.onRetry?.(`${url.host}: ${reason}; trying again in ${Math.ceil(delayMs / 1000)} s`);
      await sleep(delayMs, options.signal);
    }
  }

  /** The wait after attempt number `attempt`: exponential, with jitter so that many clients do not come in step. */
  #backOff(attempt: number): number {
    const { baseDelayMs, maxDelayMs } = this.patience;
    return withJitter(Math.min(baseDelayMs * 2 ** (attempt - 1), maxDelayMs));
  }

  async #follow(start: URL, options: RequestOptions): Promise<Exchange> {
    let url = start;
    let headers: Record<string, string> = {
      "accept-encoding": "identity",
      "user-agent": `currunt/${version}`,
      ...options.headers,
    };
    let ownHeaders = options.ownHeaders;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const response = await this.#exchange(url, { ...options, headers: { ...headers, ...ownHeaders } });
      const location = response.headers.get("location");
      if (!redirectStatuses.has(response.status) || location === null) return { response, url };
      await discard(response);
      const next = redirectTarget(url, location, this.trust);
      if (next.origin !== url.origin) {
        // A form holds a password or a token: it is for the server that it was made for.
        if (typeof options.body === "string") {
          throw new CurruntError(
            "denied",
            `log in at ${url.host}: it wants the credentials sent to ${next.host}`,
            {
              hint: "do not trust this registry, or tell its operator",
            },
          );
        }
        // Object stores refuse, or log, a registry's token; it is for the registry alone.
        const { authorization: _secret, cookie: _cookie, ...rest } = headers;
        headers = rest;
        ownHeaders = undefined;
      }
      url = next;
    }
    throw new CurruntError("unavailable", `ask ${start.host}: more than ${MAX_REDIRECTS} redirects`, {
      hint: "the registry or a proxy before it is misconfigured",
    });
  }

  async #exchange(url: URL, { method = "GET", headers, body, signal }: RequestOptions): Promise<Response> {
    const idle = new AbortController();
    const timer = setTimeout(
      () => idle.abort(new Error(`no answer for ${this.patience.idleMs / 1000} s`)),
      this.patience.idleMs,
    );
    const tls = this.trust.tlsFor(url);
    try {
      // ofetch's own retries know no Retry-After and its parser would eat the bytes to be hashed: both are off.
      return await ofetch.raw(url.href, {
        method,
        ...(typeof body === "object"
          ? streamedBody(body, headers, () => timer.refresh())
          : { headers: headers ?? {}, body }),
        retry: false,
        ignoreResponseError: true,
        responseType: "stream",
        redirect: "manual",
        signal: signal === undefined ? idle.signal : AbortSignal.any([signal, idle.signal]),
        ...transparent,
        ...(tls === undefined ? {} : { tls }),
      });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Bun's options, which ofetch passes through: bytes as they were sent, no time-out of its own. */
const transparent: object = { decompress: false, timeout: false };

/** The rest of a body, thrown away, so that its connection can be used again or closed. */
export async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}

/** A whole body of at most `limit` bytes; undefined when it is longer. Throws "unavailable" when it breaks off. */
export async function readAtMost(
  response: Response,
  limit: number,
  idleMs: number,
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), idleMs);
      if (done) return Buffer.concat(chunks);
      size += value.byteLength;
      if (size > limit) return undefined;
      chunks.push(value);
    }
  } catch (error) {
    throw new CurruntError("unavailable", `the answer broke off: ${plain(error)}`, {
      hint: "check the network, then try again",
    });
  } finally {
    // Nothing when it has ended; else its connection would stay open.
    await reader.cancel().catch(() => undefined);
  }
}

/** `promise`, or a rejection when it takes longer than `idleMs`. */
export async function within<T>(promise: Promise<T>, idleMs: number): Promise<T> {
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no data for ${idleMs / 1000} s`)), idleMs);
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits, unless the signal says stop. */
export async function sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = () => reject(signal?.reason);
  const timer = setTimeout(resolve, delayMs);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/** Milliseconds of a Retry-After header, in seconds or as a date; undefined when there is none to be understood. */
export function retryAfterMs(header: string | null, now = Date.now()): number | undefined {
  if (header === null) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** What went wrong with a connection, without addresses: a redirect's URL may carry a signature. */
export function plain(error: unknown): string {
  const inner =
    error instanceof Error && error.name === "FetchError" && error.cause !== undefined ? error.cause : error;
  if (!(inner instanceof Error)) return "connection failed";
  const code = "code" in inner && typeof inner.code === "string" ? inner.code : "";
  if (code === "ECONNREFUSED") return "ECONNREFUSED: connection refused";
  if (code === "ECONNRESET") return "ECONNRESET: the connection was closed";
  const message = inner.message.replace(/https?:\/\/\S+/g, "URL");
  return code === "" || message.includes(code) ? message : `${code}: ${message}`;
}
