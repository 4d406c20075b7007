/** Client of the distribution spec: manifests and blobs of one repository. */
import { CurruntError, explain, wrap } from "../base/error.ts";
import { isInternal, isLoopback } from "./address.ts";
import type { BlobSource } from "./blob-source.ts";
import { ConnectionSlots } from "./blob-source.ts";
import type { BlobStreamOptions } from "./blob-stream.ts";
import { streamBlob } from "./blob-stream.ts";
import { decodeBlob, decodeDocument, isBlobEncoded } from "./content-encoding.ts";
import { DigestError, digestOf, isDigest, verifyBytes } from "./digest.ts";
import type { Descriptor } from "./manifest.ts";
import { MAX_MANIFEST_BYTES } from "./manifest.ts";
import { bareType, isSchema1Type, manifestTypes } from "./media-type.ts";
import type { Reference } from "./reference.ts";
import { familiarName } from "./reference.ts";
import type { RegistryOptions } from "./registry-connection.ts";
import { RegistryConnection } from "./registry-connection.ts";
import { signedPayload } from "./schema1.ts";
import { discard, readAtMost, sleep } from "./transport.ts";

/** A manifest as the registry sent it, its digest checked or computed. */
export interface FetchedManifest {
  readonly bytes: Uint8Array;
  /** Content-Type without parameters; may be wrong or missing. */
  readonly contentType: string;
  readonly digest: string;
}

const ACCEPT = manifestTypes.join(", ");

/** The manifests and blobs of one repository. */
export class RegistryClient extends RegistryConnection implements BlobSource {
  readonly slots = new ConnectionSlots();
  readonly #name: string;
  readonly #signal: AbortSignal | undefined;

  constructor(reference: Reference, options: RegistryOptions = {}) {
    super(reference, options);
    this.#name = familiarName(reference);
    this.#signal = options.signal;
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
    const whole = decodeDocument(raw, response.headers.get("content-encoding"));
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
    const signal = this.#signal;
    for (let attempt = 1; ; attempt++) {
      const { response } = await this.request(path, { headers: { accept: ACCEPT } });
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
    return streamBlob(this, descriptor, { signal: this.#signal, ...options });
  }

  /** Answers with the blob from byte `offset` on, or from 0 where the server cannot do that; 416 when nothing is there. */
  async openBlob(descriptor: Descriptor, offset: number, end?: number): Promise<Response> {
    const { digest, urls } = descriptor;
    const headers = offset === 0 && end === undefined ? {} : { range: rangeHeader(offset, end) };
    const { response } = await this.request(`blobs/${digest}`, { headers });
    if (response.ok && isBlobEncoded(response, descriptor)) return await this.#openEncoded(response, digest);
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

  /** The whole blob decoded: a range would count the bytes of another form. */
  async #openEncoded(encoded: Response, digest: string): Promise<Response> {
    if (encoded.status !== 206) return decodeBlob(encoded);
    await discard(encoded);
    const { response } = await this.request(`blobs/${digest}`);
    if (response.ok) return decodeBlob(response);
    throw await this.refusal(response, `get blob ${digest} of "${this.#name}"`);
  }

  /** A layer kept elsewhere, asked for without a word about who we are (CVE-2020-15157). */
  async #openForeign(address: string, headers: Record<string, string>): Promise<Response | undefined> {
    const url = URL.parse(address);
    const safe = url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(url.hostname));
    // An image must not have us ask servers of our own network.
    if (url === null || !safe || (isInternal(url.hostname) && !isInternal(this.root.hostname)))
      return undefined;
    url.username = "";
    url.password = "";
    const { response } = await this.transport.send(url, { headers, signal: this.#signal });
    if (response.ok) return response;
    await discard(response);
    return undefined;
  }
}

/** `end` is exclusive here, inclusive in the header (RFC 9110, 14.1.2). */
function rangeHeader(offset: number, end: number | undefined): string {
  return `bytes=${offset}-${end === undefined ? "" : end - 1}`;
}
