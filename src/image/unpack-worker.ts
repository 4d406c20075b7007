/** The thread that unpacks layers, one at a time: an entry point of its own in the executable (build.ts). */
import type { UnpackProgress } from "./apply.ts";
import { applyLayer } from "./apply.ts";
import type { FromWorker, ToWorker } from "./unpack-message.ts";
import { packError } from "./unpack-message.ts";

declare const self: Worker;

function send(message: FromWorker): void {
  self.postMessage(message);
}

/** Pieces that have arrived, as a stream. */
class Inbox {
  readonly #chunks: Uint8Array[] = [];
  #ended = false;
  #aborted = false;
  #wake: (() => void) | undefined;
  #lowers: readonly string[] | undefined;

  take(message: ToWorker): void {
    if (message.kind === "chunk") this.#chunks.push(message.bytes);
    else if (message.kind === "end") this.#ended = true;
    else if (message.kind === "abort") this.#aborted = true;
    else if (message.kind === "lowers") this.#lowers = message.paths;
    this.#wake?.();
  }

  async *stream(): AsyncGenerator<Uint8Array> {
    for (;;) {
      this.#check();
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        const { length } = chunk;
        yield chunk;
        release(chunk);
        send({ kind: "taken", bytes: length });
      } else if (this.#ended) return;
      else await this.#message();
    }
  }

  /** The layers below, which are asked for now. */
  async lowers(): Promise<readonly string[]> {
    send({ kind: "gaps" });
    while (this.#lowers === undefined) {
      await this.#message();
      this.#check();
    }
    return this.#lowers;
  }

  #message(): Promise<void> {
    return new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  #check(): void {
    if (this.#aborted) throw new Error("unpacking was given up");
  }
}

/** Frees the memory now: the collector would let tens of megabytes gather, and each new page costs more than an old one. */
function release({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

let inbox = new Inbox();

async function run(options: Extract<ToWorker, { kind: "start" }>, source: Inbox): Promise<void> {
  const { staging, split, format, algorithm, limits, namespace, fillsGaps } = options;
  try {
    const onProgress = (progress: UnpackProgress) => send({ kind: "progress", progress });
    const lowers = fillsGaps ? () => source.lowers() : undefined;
    const layer = await applyLayer(source.stream(), {
      staging,
      split,
      format,
      algorithm,
      limits,
      namespace,
      lowers,
      onProgress,
    });
    send({ kind: "done", layer });
  } catch (error) {
    send({ kind: "failed", error: packError(error) });
  }
}

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === "start") {
    inbox = new Inbox();
    void run(data, inbox);
  } else inbox.take(data);
};
