/** How fast something comes, and how long the rest will take. */

/** Shorter samples say more about the size of pieces than about the speed. */
const SAMPLE_MS = 200;
/** After this time a sample counts for half. */
const HALF_LIFE_MS = 2_000;

/** The speed of one count of bytes, evened out over some seconds. */
export class Pace {
  #rate: number | undefined;
  #at: number;
  #bytes: number;

  constructor(bytes: number, nowMs: number) {
    this.#bytes = bytes;
    this.#at = nowMs;
  }

  /** Takes the count as it is now. One that goes back begins anew. */
  update(bytes: number, nowMs: number): void {
    const passedMs = nowMs - this.#at;
    if (bytes >= this.#bytes && passedMs < SAMPLE_MS) return;
    if (bytes < this.#bytes) this.#rate = undefined;
    else {
      const sample = ((bytes - this.#bytes) / passedMs) * 1000;
      const weight = 2 ** (-passedMs / HALF_LIFE_MS);
      this.#rate = this.#rate === undefined ? sample : this.#rate * weight + sample * (1 - weight);
    }
    this.#bytes = bytes;
    this.#at = nowMs;
  }

  /** Bytes a second; undefined before there is a first sample. */
  get bytesPerSecond(): number | undefined {
    return this.#rate;
  }
}

/** "12 s left", "3 min left", "2 h left"; undefined when nobody can tell. */
export function timeLeft(restBytes: number, bytesPerSecond: number): string | undefined {
  const seconds = restBytes / bytesPerSecond;
  if (!(seconds < 100 * 3600)) return undefined;
  if (seconds < 90) return `${Math.ceil(seconds)} s left`;
  return seconds < 90 * 60 ? `${Math.round(seconds / 60)} min left` : `${Math.round(seconds / 3600)} h left`;
}
