/** Writes a plan's records (`struct step` of shim/plan.h) into one buffer. */
import { struct } from "./struct.ts";
import { encodeText } from "./text.ts";

export const stepHeader = struct("step", {
  op: "u32",
  size: "u32",
  slot: "i32",
  other: "i32",
  number0: "u64",
  number1: "u64",
  number2: "u64",
  number3: "u64",
  text0: "u32",
  text1: "u32",
  text2: "u32",
  flags: "u32",
});

/** `STEP_*` of plan.h. */
export const stepFlags = {
  RECURSIVE: 1,
  NOFOLLOW: 2,
  OPTIONAL: 4,
  REPLACE: 8,
  CONSOLE: 16,
  PLAIN: 256,
  HOME: 512,
  READ: 32,
  TRY: 64,
  REST: 128,
  APART: 1024,
} as const;

/** A record in parts: what `Step` becomes before it is bytes. A list of texts is one text behind the other. */
export interface StepRecord {
  slot?: number | undefined;
  other?: number | undefined;
  numbers?: (number | bigint)[];
  texts?: (string | readonly string[] | Uint8Array)[];
  flags?: number;
}

/** No slot. */
const none = -1;

const { offsets } = stepHeader;
const numberOffsets = [offsets.number0, offsets.number1, offsets.number2, offsets.number3];
const textOffsets = [offsets.text0, offsets.text1, offsets.text2];
const utf8 = new TextEncoder();

/** Field by field into one array, since a start has some hundred records, and packs them before any code is hot. */
export class RecordWriter {
  #bytes = new Uint8Array(16384);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Appends the record of one step. Refuses a text with a NUL inside. */
  add(op: number, { slot = none, other = none, numbers = [], texts = [], flags = 0 }: StepRecord): void {
    const start = this.#length;
    this.#reserve(stepHeader.size);
    this.#length += stepHeader.size;
    const starts = texts.map((text) => this.#append(text) - start);
    // Always a NUL behind the last byte, so that no text can run out of the record; the array is all zero.
    const size = Math.ceil((this.#length + 1 - start) / 8) * 8;
    this.#reserve(start + size - this.#length);
    this.#length = start + size;

    const view = this.#view;
    view.setUint32(start + offsets.op, op, true);
    view.setUint32(start + offsets.size, size, true);
    view.setInt32(start + offsets.slot, slot, true);
    view.setInt32(start + offsets.other, other, true);
    view.setUint32(start + offsets.flags, flags, true);
    for (let i = 0; i < numbers.length; i++) {
      this.#setNumber(start + (numberOffsets[i] as number), numbers[i] as number | bigint);
    }
    for (let i = 0; i < starts.length; i++) {
      view.setUint32(start + (textOffsets[i] as number), starts[i] as number, true);
    }
  }

  /** The records so far. */
  take(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #setNumber(at: number, value: number | bigint): void {
    if (typeof value === "bigint") this.#view.setBigUint64(at, value, true);
    else {
      this.#view.setUint32(at, value, true);
      this.#view.setUint32(at + 4, value / 2 ** 32, true);
    }
  }

  /** Appends a text, or each of a list, with its final NUL, or bytes. Returns where they start. */
  #append(text: string | readonly string[] | Uint8Array): number {
    const start = this.#length;
    if (text instanceof Uint8Array) {
      this.#reserve(text.length);
      this.#bytes.set(text, start);
      this.#length += text.length;
    } else if (typeof text === "string") this.#appendText(text);
    else for (const item of text) this.#appendText(item);
    return start;
  }

  #appendText(text: string): void {
    if (text.includes("\0")) {
      throw new Error(`cannot pass ${JSON.stringify(text)} to the kernel: it contains a NUL character`);
    }
    if (!text.isWellFormed()) {
      this.#append(encodeText(`${text}\0`));
      return;
    }
    // UTF-8 has at most three bytes a UTF-16 unit.
    this.#reserve(3 * text.length + 1);
    this.#length += utf8.encodeInto(text, this.#bytes.subarray(this.#length)).written + 1;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * needed);
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}
