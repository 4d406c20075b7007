/** Sends blobs to a repository (distribution-spec, "Pushing blobs"): taken from a neighbour, in one piece, in chunks, resumed. */
import { CurruntError, explain } from "../base/error.ts";
import { isLoopback } from "./address.ts";
import { isDigest } from "./digest.ts";
import type { RegistryClient } from "./registry.ts";
import type { RequestBody } from "./request-body.ts";
import type { Exchange } from "./transport.ts";
import { discard, sleep } from "./transport.ts";

/** A blob that is complete here. */
export interface OutgoingBlob {
  readonly digest: string;
  readonly sizeBytes: number;
  /** `length` bytes from `offset` on. */
  open(offset: number, length: number): ReadableStream<Uint8Array>;
}

export interface UploadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told how many bytes the registry has been sent; may go back. */
  readonly onBytes?: ((doneBytes: number) => void) | undefined;
}

/** Where the upload goes on, and from which byte. */
interface Session {
  readonly url: URL;
  readonly offset: number;
}

/** What proxies usually let pass, and what some registries ask for at least. */
const defaultChunkBytes = 16 << 20;
const leastChunkBytes = 1 << 20;

/** The size of a blob that the repository has; undefined when it has none, or does not tell. */
export async function sizeOfRemoteBlob(client: RegistryClient, digest: string): Promise<number | undefined> {
  const { response } = await client.request(`blobs/${digest}`, { method: "HEAD" });
  await discard(response);
  const length = response.headers.get("content-length");
  return response.ok && length !== null && /^\d+$/.test(length) ? Number(length) : undefined;
}

/** Has the registry take a blob from another of its repositories; false when it does not want to. */
export async function mountBlob(client: RegistryClient, digest: string, from: string): Promise<boolean> {
  const query = new URLSearchParams({ mount: digest, from });
  const exchange = await client.request(`blobs/uploads/?${query}`, { method: "POST" });
  const { status } = exchange.response;
  await discard(exchange.response);
  // It has begun an ordinary upload instead.
  if (status === 202) await cancel(client, sessionOf(client, exchange, 0).url);
  return status === 201;
}

/** Sends a blob. Resolves once the registry has it whole and checked. */
export async function uploadBlob(
  client: RegistryClient,
  blob: OutgoingBlob,
  options: UploadOptions = {},
): Promise<void> {
  await new Upload(client, blob, options).run();
}

class Upload {
  readonly #client: RegistryClient;
  readonly #blob: OutgoingBlob;
  readonly #options: UploadOptions;
  /** Undefined: all at once. */
  #chunkBytes: number | undefined;
  #leastChunkBytes = leastChunkBytes;
  #session: Session | undefined;

  constructor(client: RegistryClient, blob: OutgoingBlob, options: UploadOptions) {
    this.#client = client;
    this.#blob = blob;
    this.#options = options;
  }

  async run(): Promise<void> {
    const { attempts, baseDelayMs } = this.#client.transport.patience;
    const { signal } = this.#options;
    /** The most that ever arrived: who gets beyond it has as many new attempts. */
    let reached = 0;
    for (let failures = 0; ; ) {
      signal?.throwIfAborted();
      try {
        this.#session ??= await this.#start();
        if (await this.#step(this.#session)) return;
      } catch (error) {
        signal?.throwIfAborted();
        if (!isPassing(error) || ++failures >= attempts) throw error;
        this.#client.warn(`${this.#client.host}: ${explain(error)}; trying again`);
        await sleep(baseDelayMs * failures, signal);
        this.#session = await this.#whereItIs();
        // Some proxies say that a body is too long by closing the connection.
        if (failures > 1) this.#chunkBytes ??= defaultChunkBytes;
      }
      const offset = this.#session?.offset ?? 0;
      if (offset > reached) failures = 0;
      reached = Math.max(reached, offset);
    }
  }

  get #action(): string {
    return `send blob ${this.#blob.digest} to "${this.#client.repository}"`;
  }

  async #start(): Promise<Session> {
    const exchange = await this.#client.request("blobs/uploads/", { method: "POST" });
    const { response } = exchange;
    if (response.status !== 202) throw await this.#client.refusal(response, this.#action);
    await discard(response);
    const least = Number(response.headers.get("oci-chunk-min-length") ?? 0);
    if (Number.isSafeInteger(least)) this.#leastChunkBytes = Math.max(this.#leastChunkBytes, least);
    return sessionOf(this.#client, exchange, 0);
  }

  /** Sends all that is left, or the next chunk; true when that was the end. */
  async #step(session: Session): Promise<boolean> {
    const left = this.#blob.sizeBytes - session.offset;
    if (this.#chunkBytes === undefined && session.offset === 0) return await this.#sendWhole(session);
    if (left === 0) return await this.#finish(session, undefined);
    this.#session = await this.#sendChunk(
      session,
      Math.min(left, Math.max(this.#chunkBytes ?? defaultChunkBytes, this.#leastChunkBytes)),
    );
    return false;
  }

  async #sendWhole(session: Session): Promise<boolean> {
    return await this.#finish(session, this.#body(0, this.#blob.sizeBytes));
  }

  /** The last request, with all of the blob or with nothing more of it. */
  async #finish({ url }: Session, body: RequestBody | undefined): Promise<boolean> {
    const target = new URL(url);
    target.searchParams.set("digest", this.#blob.digest);
    const { response } = await this.#client.request(target, {
      method: "PUT",
      headers: octets,
      body,
      attempts: 1,
    });
    if (response.ok) {
      await discard(response);
      this.#checkDigest(response);
      this.#options.onBytes?.(this.#blob.sizeBytes);
      return true;
    }
    // What a proxy on the way finds too long, it may let pass in pieces; some registries want nothing else.
    if (body !== undefined && pieceworkStatuses.has(response.status)) {
      await discard(response);
      await cancel(this.#client, url);
      this.#chunkBytes = defaultChunkBytes;
      this.#session = undefined;
      return false;
    }
    throw await this.#failure(response);
  }

  async #sendChunk({ url, offset }: Session, length: number): Promise<Session> {
    const range = `${offset}-${offset + length - 1}`;
    const exchange = await this.#client.request(url, {
      method: "PATCH",
      headers: { ...octets, "content-range": range },
      body: this.#body(offset, length),
      attempts: 1,
    });
    const { response } = exchange;
    if (response.status === 413 && length > this.#leastChunkBytes) {
      await discard(response);
      this.#chunkBytes = length >> 1;
      return (await this.#whereItIs()) ?? (await this.#start());
    }
    if (!response.ok) throw await this.#failure(response);
    await discard(response);
    // It may have taken less than it was sent.
    return sessionOf(this.#client, exchange, rangeEnd(response) ?? offset + length);
  }

  /** A refusal of one step: passing when the registry, or what is before it, may think otherwise another time. */
  async #failure(response: Response): Promise<CurruntError> {
    const error = await this.#client.refusal(response, this.#action);
    return lostStatuses.has(response.status)
      ? new CurruntError("unavailable", error.message, { hint: error.hint })
      : error;
  }

  /** How far the registry has come, as it says; undefined: it knows nothing of the upload any more. */
  async #whereItIs(): Promise<Session | undefined> {
    if (this.#session === undefined) return undefined;
    const exchange = await this.#client.request(this.#session.url, { attempts: 1 }).catch(() => undefined);
    if (exchange === undefined) return undefined;
    const { response } = exchange;
    await discard(response);
    const offset = response.status === 204 || response.status === 202 ? (rangeEnd(response) ?? 0) : 0;
    // "0-0" means one byte or none. From the start it is done by a new upload.
    if (offset <= 1 || offset > this.#blob.sizeBytes) {
      await cancel(this.#client, this.#session.url);
      return undefined;
    }
    return sessionOf(this.#client, { ...exchange, fallback: this.#session.url }, offset);
  }

  #body(offset: number, sizeBytes: number): RequestBody {
    const { onBytes } = this.#options;
    return {
      sizeBytes,
      open: () => {
        let done = offset;
        const counter = new TransformStream<Uint8Array, Uint8Array>({
          transform(piece, stream) {
            done += piece.length;
            onBytes?.(done);
            stream.enqueue(piece);
          },
        });
        return this.#blob.open(offset, sizeBytes).pipeThrough(counter);
      },
    };
  }

  /** The registry says what it has stored: another digest means that it was changed on the way. */
  #checkDigest(response: Response): void {
    const told = response.headers.get("docker-content-digest") ?? "";
    const { digest } = this.#blob;
    if (!isDigest(told) || told === digest || told.split(":")[0] !== digest.split(":")[0]) return;
    throw new CurruntError("unavailable", `${this.#action}: the registry has stored ${told}`, {
      hint: "something on the way changes what is sent: try again, or without a proxy",
    });
  }
}

const octets = { "content-type": "application/octet-stream" };
/** Length required, too large, and what registries say that know one way only. */
const pieceworkStatuses: ReadonlySet<number> = new Set([405, 411, 413, 415, 501]);
/** The upload is lost, or is somewhere else than we think; the transport does not repeat these, nor any request with a body. */
const lostStatuses: ReadonlySet<number> = new Set([404, 408, 409, 416, 425, 429, 499, 500, 502, 503, 504]);

function isPassing(error: unknown): boolean {
  return error instanceof CurruntError && error.kind === "unavailable";
}

/** The number of bytes that "Range: 0-N" tells of. */
function rangeEnd(response: Response): number | undefined {
  const match = /^(?:bytes=)?0-(\d+)$/.exec(response.headers.get("range") ?? "");
  return match === null ? undefined : Number(match[1]) + 1;
}

/** The upload that an answer tells of: its Location may be a path, and has a query of the registry's own. */
function sessionOf(
  client: RegistryClient,
  { response, url, fallback }: { response: Response; url: URL | string; fallback?: URL },
  offset: number,
): Session {
  const location = response.headers.get("location");
  const found = location === null ? fallback : URL.parse(location, new URL(url).href);
  const action = `send a blob to ${client.host}`;
  if (found === undefined || found === null) {
    throw new CurruntError("unavailable", `${action}: it does not say where to`, {
      hint: "the registry or a proxy before it is misconfigured",
    });
  }
  // A registry behind a proxy that ends TLS often does not know of it.
  if (found.protocol === "http:" && found.host === client.host) found.protocol = client.root.protocol;
  if (
    found.protocol !== "https:" &&
    !(found.protocol === "http:" && (found.host === client.host || isLoopback(found.hostname)))
  ) {
    throw new CurruntError("denied", `${action}: it wants it sent to ${found.host} without TLS`, {
      hint: "the registry or a proxy before it is misconfigured",
    });
  }
  return { url: found, offset };
}

/** Gives an upload up: kindness, and nothing depends on it. */
async function cancel(client: RegistryClient, url: URL): Promise<void> {
  const exchange: Exchange | undefined = await client
    .request(url, { method: "DELETE", attempts: 1 })
    .catch(() => undefined);
  if (exchange !== undefined) await discard(exchange.response);
}
