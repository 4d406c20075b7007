/** Follows the frames of a zstd stream without decoding them: the decoder does not say when a stream is cut short. */
import { CurruntError } from "../base/error.ts";

// RFC 8878, section 3.1.
const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;
const dictionaryIdBytes = [0, 1, 2, 4] as const;
const contentSizeBytes = [0, 2, 4, 8] as const;

type Expecting = "magic" | "skippable size" | "descriptor" | "block";

/** Feed it every piece with `push`; `end` throws unless the last frame was complete. */
export class ZstdFraming {
  readonly #field = Buffer.alloc(4);
  #expecting: Expecting = "magic";
  /** Bytes of the field that is read, and how many are here. */
  #fieldLength = 4;
  #have = 0;
  /** Bytes until the next field: content, which is not looked at. */
  #skip = 0;
  #checksum = false;
  #frames = 0;

  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, bytes.length - at);
        this.#skip -= step;
        at += step;
        continue;
      }
      this.#field[this.#have++] = bytes[at++] ?? 0;
      if (this.#have === this.#fieldLength) this.#take();
    }
  }

  end(): void {
    if (this.#expecting === "magic" && this.#have === 0 && this.#skip === 0) return;
    throw new CurruntError("invalid", "zstd: unexpected end of the compressed data");
  }

  #take(): void {
    const value = this.#field.readUIntLE(0, this.#fieldLength);
    this.#have = 0;
    if (this.#expecting === "magic") this.#takeMagic(value);
    else if (this.#expecting === "skippable size") this.#expect("magic", 4, value);
    else if (this.#expecting === "descriptor") this.#takeDescriptor(value);
    else this.#takeBlock(value);
  }

  #expect(what: Expecting, length: number, skip = 0): void {
    this.#expecting = what;
    this.#fieldLength = length;
    this.#skip = skip;
  }

  #takeMagic(magic: number): void {
    if (magic === frameMagic) this.#expect("descriptor", 1);
    else if (magic - (magic & 0xf) === skippableMagic) this.#expect("skippable size", 4);
    else {
      const place = this.#frames === 0 ? "is not a frame" : `after ${this.#frames} frames is not another`;
      throw new CurruntError("invalid", `zstd: what comes ${place}: 0x${magic.toString(16)}`);
    }
    this.#frames++;
  }

  #takeDescriptor(descriptor: number): void {
    const sizeFlag = descriptor >> 6;
    const singleSegment = (descriptor & 0x20) !== 0;
    this.#checksum = (descriptor & 4) !== 0;
    const contentSize = sizeFlag === 0 && singleSegment ? 1 : (contentSizeBytes[sizeFlag] ?? 0);
    const window = singleSegment ? 0 : 1;
    this.#expect("block", 3, window + (dictionaryIdBytes[descriptor & 3] ?? 0) + contentSize);
  }

  #takeBlock(header: number): void {
    const repeated = ((header >> 1) & 3) === 1;
    const size = repeated ? 1 : header >> 3;
    if ((header & 1) === 0) this.#expect("block", 3, size);
    else this.#expect("magic", 4, size + (this.#checksum ? 4 : 0));
  }
}
