/** Ctrl-C and TERM during a transfer: the work is told to stop and to clean up, the program ends with 128 + N. */
import { CurruntError } from "../base/error.ts";

const numbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Once armed, aborts `signal` on the first INT, TERM or HUP until it is disposed; a second one has its usual, deadly effect. */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  readonly #listeners = new Map<keyof typeof numbers, () => void>();

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  arm(): void {
    if (this.#listeners.size > 0) return;
    for (const name of names) {
      const listener = () => this.#abort(name);
      this.#listeners.set(name, listener);
      process.on(name, listener);
    }
  }

  #abort(name: keyof typeof numbers): void {
    this[Symbol.dispose]();
    const exitCode = 128 + numbers[name];
    this.#controller.abort(new CurruntError("unavailable", `interrupted by ${name}`, { exitCode }));
  }

  [Symbol.dispose](): void {
    for (const [name, listener] of this.#listeners) process.off(name, listener);
    this.#listeners.clear();
  }
}
