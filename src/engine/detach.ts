/** Finds the detach keys in what is typed. */

/** Ctrl-P, Ctrl-Q. */
export const defaultDetachKeys: Uint8Array = Uint8Array.of(16, 17);

/** Holds back what may become the detach keys, and lets go of it when it does not. */
export class DetachScanner {
  readonly #keys: Uint8Array;
  #matched = 0;

  /** No keys: nothing is ever found. */
  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /** What of `bytes`, and of what was held back, is for the program; and whether the keys were pressed: the rest is dropped then. */
  push(bytes: Uint8Array): { forward: Uint8Array; detached: boolean } {
    if (this.#keys.length === 0) return { forward: bytes, detached: false };
    const forward: number[] = [];
    for (const byte of bytes) {
      if (this.#advance(byte, forward)) return { forward: Uint8Array.from(forward), detached: true };
    }
    return { forward: Uint8Array.from(forward), detached: false };
  }

  #advance(byte: number, forward: number[]): boolean {
    // On a mismatch the longest end of what was typed that begins the keys stays held back.
    while (this.#matched > 0 && byte !== this.#keys[this.#matched]) {
      const shorter = this.#longestBorder(this.#matched);
      forward.push(...this.#keys.subarray(0, this.#matched - shorter));
      this.#matched = shorter;
    }
    if (byte !== this.#keys[this.#matched]) forward.push(byte);
    else this.#matched += 1;
    return this.#matched === this.#keys.length;
  }

  #longestBorder(length: number): number {
    for (let border = length - 1; border > 0; border--) {
      const end = this.#keys.subarray(length - border, length);
      if (end.every((key, index) => key === this.#keys[index])) return border;
    }
    return 0;
  }
}
