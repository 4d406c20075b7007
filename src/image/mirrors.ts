/** One image from several servers: mirrors first, the registry last. */
import { CurruntError, explain, hintOf } from "../base/error.ts";
import type { BlobSource } from "./blob-source.ts";
import { ConnectionSlots } from "./blob-source.ts";
import type { BlobStreamOptions } from "./blob-stream.ts";
import { streamBlob } from "./blob-stream.ts";
import { DigestError, isDigest } from "./digest.ts";
import type { ImageSource } from "./image-source.ts";
import type { Descriptor } from "./manifest.ts";
import type { FetchedManifest, RegistryClient } from "./registry.ts";
import type { Transport } from "./transport.ts";

/** A server, asked when its turn comes. */
export interface Server {
  readonly host: string;
  readonly resolves: boolean;
  /** Its client; credentials are looked up when it is needed. */
  open(): Promise<RegistryClient>;
}

export interface MirrorOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
  /** How patient streams are. */
  readonly transport: Transport;
}

/** Each thing is asked of the servers in their order, until one has it. */
export class MirroredSource implements BlobSource, ImageSource {
  readonly transport: Transport;
  readonly slots = new ConnectionSlots();
  readonly #servers: readonly Server[];
  readonly #options: MirrorOptions;
  readonly #clients = new Map<Server, Promise<RegistryClient>>();
  /** Mirrors that cannot be reached or refuse are not asked for everything again; never the registry itself. */
  readonly #useless = new Set<Server>();
  /** Who gave a blob, by its digest. */
  readonly #givers = new Map<string, Server>();
  readonly #warned = new Set<string>();

  constructor(servers: readonly Server[], options: MirrorOptions) {
    this.#servers = servers;
    this.#options = options;
    this.transport = options.transport;
  }

  /** What a tag stands for is asked only of those who are believed about that. */
  manifest(tagOrDigest: string): Promise<FetchedManifest> {
    const able = isDigest(tagOrDigest) ? this.#servers : this.#servers.filter(({ resolves }) => resolves);
    return this.#firstOf(able, (client) => client.manifest(tagOrDigest));
  }

  blobBytes(descriptor: Descriptor, limit: number): Promise<Uint8Array> {
    return this.#firstOf(this.#servers, (client) => client.blobBytes(descriptor, limit));
  }

  blob(descriptor: Descriptor, options: BlobStreamOptions = {}): ReadableStream<Uint8Array> {
    const onError = (error: unknown) => {
      // Who may have got parts of several answers asks for the blob once more: now the next server gives it.
      if (error instanceof DigestError && this.#distrust(descriptor.digest)) options.onRestart?.();
      options.onError?.(error);
    };
    return streamBlob(this, descriptor, { signal: this.#options.signal, ...options, onError });
  }

  openBlob(descriptor: Descriptor, offset: number, end?: number): Promise<Response> {
    return this.#firstOf(this.#servers, async (client, server) => {
      const response = await client.openBlob(descriptor, offset, end);
      this.#givers.set(descriptor.digest, server);
      return response;
    });
  }

  /** Leaves the mirror that gave a blob with other bytes; false when it was none. */
  #distrust(digest: string): boolean {
    const giver = this.#givers.get(digest);
    if (giver === undefined || giver === this.#servers.at(-1)) return false;
    this.#useless.add(giver);
    this.warn(`${giver.host} sent other bytes than those of ${digest}; trying the next server`);
    return true;
  }

  warn(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.#options.onWarning?.(message);
  }

  async #firstOf<T>(
    servers: readonly Server[],
    ask: (client: RegistryClient, server: Server) => Promise<T>,
  ): Promise<T> {
    const failures: { host: string; error: unknown }[] = [];
    for (const server of servers.filter((server) => !this.#useless.has(server))) {
      try {
        return await ask(await this.#client(server), server);
      } catch (error) {
        this.#options.signal?.throwIfAborted();
        failures.push({ host: server.host, error });
        // That a mirror lacks something is what mirrors are like.
        if (server === servers.at(-1) || kindOf(error) === "not-found") continue;
        this.#useless.add(server);
        this.warn(`${explain(error)}; trying the next server`);
      }
    }
    throw lastWord(failures);
  }

  #client(server: Server): Promise<RegistryClient> {
    const known = this.#clients.get(server) ?? server.open();
    this.#clients.set(server, known);
    return known;
  }
}

/** The registry's own word decides; what the mirrors said is added. */
function lastWord(failures: readonly { host: string; error: unknown }[]): unknown {
  const last = failures.at(-1)?.error;
  if (failures.length < 2) return last;
  const mirrors = failures.slice(0, -1).map(({ host, error }) => `${host} (${kindOf(error)})`);
  return new CurruntError(
    kindOf(last),
    `no server has it, neither ${mirrors.join(" nor ")} nor the registry itself`,
    {
      cause: last,
      hint: hintOf(last),
    },
  );
}

function kindOf(error: unknown): CurruntError["kind"] {
  return error instanceof CurruntError ? error.kind : "internal";
}
