/** A thread that unpacks layers, of which one works while others wait for their data: an entry point of its own in the executable (build.ts). */
import type { UnpackProgress } from "./apply.ts";
import { applyFrom } from "./apply.ts";
import { decompress } from "./decompress.ts";
import type { InputState } from "./gunzip.ts";
import { takeGunzip } from "./gunzip.ts";
import { release } from "./release.ts";
import type { Sink } from "./sink.ts";
import type { FromWorker, StartMessage, ToWorker, WorkerWord } from "./unpack-message.ts";
import { packError } from "./unpack-message.ts";

declare const self: Worker;

type Send = (word: WorkerWord) => void;

/** Between two words of progress: nobody looks more often, and each is a message. */
const progressBytes = 1 << 20;
const nothing: UnpackProgress = { uncompressedBytes: 0, entries: 0 };

/** What has arrived about one layer: pieces as a stream, or word that somebody else has fed one. */
class Inbox {
  readonly #send: Send;
  readonly #chunks: Uint8Array[] = [];
  #ended = false;
  #fed = false;
  #aborted = false;
  #wake: (() => void) | undefined;
  #lowers: readonly string[] | undefined;

  constructor(send: Send) {
    this.#send = send;
  }

  take(message: ToWorker["message"]): void {
    if (message.kind === "chunk") this.#chunks.push(message.bytes);
    else if (message.kind === "end") this.#ended = true;
    else if (message.kind === "fed") this.#fed = true;
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
        this.#send({ kind: "taken", bytes: length });
      } else if (this.#ended) return;
      else await this.#message();
    }
  }

  /** For `takeGunzip`: waits for more, or lets messages in that came meanwhile. */
  async between({ wanted, hasRoom }: InputState): Promise<void> {
    if (hasRoom) this.#send({ kind: "room" });
    if (wanted) {
      this.#fed = false;
      this.#send({ kind: "hungry" });
    } else await new Promise((resolve) => setImmediate(resolve));
    this.#check();
    while (wanted && !this.#fed) {
      await this.#message();
      this.#check();
    }
  }

  /** The layers below, which are asked for now. */
  async lowers(): Promise<readonly string[]> {
    this.#send({ kind: "gaps" });
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

async function run(options: StartMessage, source: Inbox, send: Send): Promise<void> {
  const { staging, split, format, algorithm, gunzip, limits, namespace, fillsGaps } = options;
  const between = (input: InputState) => source.between(input);
  const read = (sink: Sink) =>
    gunzip === undefined
      ? decompress(source.stream(), sink, { algorithm })
      : takeGunzip(gunzip, sink, algorithm, between);
  try {
    let [latest, told] = [nothing, nothing];
    const tell = () => {
      if (latest !== told) send({ kind: "progress", progress: latest });
      told = latest;
    };
    const onProgress = (progress: UnpackProgress) => {
      latest = progress;
      if (latest.uncompressedBytes - told.uncompressedBytes >= progressBytes) tell();
    };
    const lowers = fillsGaps ? () => source.lowers() : undefined;
    const layer = await applyFrom(read, {
      staging,
      split,
      format,
      algorithm,
      limits,
      namespace,
      lowers,
      onProgress,
    });
    tell();
    send({ kind: "done", layer });
  } catch (error) {
    send({ kind: "failed", error: packError(error) });
  }
}

const inboxes = new Map<number, Inbox>();

self.onmessage = ({ data: { job, message } }: MessageEvent<ToWorker>) => {
  if (message.kind !== "start") {
    inboxes.get(job)?.take(message);
    return;
  }
  const send: Send = (word) => {
    const sent: FromWorker = { job, ...word };
    self.postMessage(sent);
  };
  const inbox = new Inbox(send);
  inboxes.set(job, inbox);
  void run(message, inbox, send).finally(() => inboxes.delete(job));
};
