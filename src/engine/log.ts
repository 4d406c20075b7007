/** Shows a container's log: the last lines, a span of time, and what comes as long as the container runs. */
import { existsSync, watch } from "node:fs";
import { containerPaths } from "../base/paths.ts";
import type { Context } from "./context.ts";
import { LocalStreams } from "./local-streams.ts";
import { LogFile } from "./log-file.ts";
import type { LogEntry } from "./log-line.ts";
import { observeEnd } from "./observe.ts";
import type { LogOptions } from "./options.ts";
import type { OutputStream } from "./stdio.ts";

/** Writes a container's log to standard output and standard error. */
export async function showLog(context: Context, name: string, options: LogOptions): Promise<void> {
  const { record } = context.containers.get(name);
  const paths = containerPaths(context.roots, record.id);
  if (!existsSync(paths.log)) return;
  using local = new LocalStreams({ interactive: false, terminal: false }, () => {});
  using log = new LogFile(paths.log);
  if (options.tail !== undefined) log.seekToTail(options.tail);
  const printer = new LogPrinter(local, options);
  if (options.follow) {
    // Both before the first look at the log: what comes after that look is told.
    using watcher = new Changes(paths.log);
    const end = observeEnd(paths);
    let running = end !== undefined;
    void end?.finally(() => {
      running = false;
      watcher.tell();
    });
    do await printer.print(log);
    while (running && !printer.stopped && (await Promise.race([watcher.next(), local.left])) === "changed");
  }
  await printer.print(log);
  await Promise.race([local.flush(), local.left]);
}

/** Tells that a file has changed since it was last asked (inotify, by way of fs.watch). */
class Changes implements Disposable {
  readonly #watcher;
  #pending = Promise.withResolvers<"changed">();

  constructor(path: string) {
    this.#watcher = watch(path, () => this.tell());
  }

  tell(): void {
    this.#pending.resolve("changed");
  }

  async next(): Promise<"changed"> {
    const result = await this.#pending.promise;
    this.#pending = Promise.withResolvers();
    return result;
  }

  [Symbol.dispose](): void {
    this.#watcher.close();
  }
}

/** Puts entries together to lines and writes those that are asked for. */
class LogPrinter {
  readonly #local: LocalStreams;
  readonly #options: LogOptions;
  readonly #continues: Record<OutputStream, boolean> = { stdout: false, stderr: false };
  #stopped = false;

  constructor(local: LocalStreams, options: LogOptions) {
    this.#local = local;
    this.#options = options;
  }

  /** Nothing more is to be shown: the span of time is over, or nobody reads. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Shows what the log has now. */
  async print(log: LogFile): Promise<void> {
    let unflushed = 0;
    for (const entry of log.read()) {
      if (this.#stopped) return;
      if (!this.#show(entry)) unflushed += entry.text.length;
      if (unflushed < 1 << 20) continue;
      const left = await Promise.race([this.#local.flush(), this.#local.left]);
      if (left !== undefined) this.#stopped = true;
      unflushed = 0;
    }
  }

  #show({ time, timestamp, stream, full, text }: LogEntry): boolean {
    const { since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY, timestamps } = this.#options;
    if (time >= until) {
      this.#stopped = true;
      return true;
    }
    if (time < since) return true;
    const prefix = timestamps && !this.#continues[stream] ? `${timestamp} ` : "";
    this.#continues[stream] = !full;
    return this.#local.output(
      stream,
      Buffer.concat([Buffer.from(prefix), text, Buffer.from(full ? "\n" : "")]),
    );
  }
}
