/** How a blob gets to the thread that unpacks it: gzip by a stream that inflates on the way, all else in chunks. */
import type { GunzipInput } from "../sys/gunzip.ts";
import { release } from "./release.ts";
import type { Job } from "./unpack-job.ts";

export interface Feed {
  /** Resolves once there is room for more: memory stays flat when the thread is slower than the network. The chunk is given away. */
  put(chunk: Uint8Array): Promise<void>;
  /** No more comes. */
  end(): void;
}

/** Bytes that are on their way to the thread at most. */
const windowBytes = 1 << 20;

export class ChunkFeed implements Feed {
  readonly #job: Job;
  #sentBytes = 0;

  constructor(job: Job) {
    this.#job = job;
  }

  async put(chunk: Uint8Array): Promise<void> {
    this.#sentBytes += this.#job.sendChunk(chunk);
    while (this.#sentBytes - this.#job.takenBytes >= windowBytes) await this.#job.word();
  }

  end(): void {
    this.#job.sendEnd();
  }
}

export class GunzipFeed implements Feed {
  readonly #job: Job;
  readonly #stream: GunzipInput;

  constructor(job: Job, stream: GunzipInput) {
    this.#job = job;
    this.#stream = stream;
  }

  async put(chunk: Uint8Array): Promise<void> {
    for (let rest = chunk; ; ) {
      rest = rest.subarray(this.#stream.put(rest));
      this.#job.announceInput();
      if (rest.length === 0) break;
      // Room comes with output, which the thread tells of, or with its asking for more.
      await this.#job.word();
    }
    release(chunk);
  }

  end(): void {
    this.#stream.finish();
    this.#job.announceInput();
  }
}
