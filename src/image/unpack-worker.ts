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

  take(message: ToWorker): void {
    if (message.kind === "chunk") this.#chunks.push(message.bytes);
    else if (message.kind === "end") this.#ended = true;
    else if (message.kind === "abort") this.#aborted = true;
    this.#wake?.();
  }

  async *stream(): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#aborted) throw new Error("unpacking was given up");
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        yield chunk;
        send({ kind: "taken", bytes: chunk.length });
      } else if (this.#ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

let inbox = new Inbox();

async function run(options: Extract<ToWorker, { kind: "start" }>, source: Inbox): Promise<void> {
  const { staging, limits, namespace } = options;
  try {
    const onProgress = (progress: UnpackProgress) => send({ kind: "progress", progress });
    const layer = await applyLayer(source.stream(), { staging, limits, namespace, onProgress });
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
