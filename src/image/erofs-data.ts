/** The file that an EROFS image grows in: data at multiples of a block, in large writes, holes where nothing is. */
import { CurruntError } from "../base/error.ts";
import type { Fd } from "../sys/fd.ts";
import { ftruncate, pwriteAll } from "../sys/file.ts";
import { blockSize } from "./erofs-format.ts";
import { release } from "./release.ts";

/** Small files are gathered until they are as much as this: a call a file costs more than the copy. */
const gatherBytes = 1 << 20;
/** A piece that is this large is written from where it is. */
const directBytes = 64 << 10;

export class ImageData {
  readonly #file: Fd;
  readonly #gathered = Buffer.allocUnsafeSlow(gatherBytes);
  #length = 0;
  /** Where the next byte goes. Block 0 is the superblock's. */
  #position = blockSize;

  /** `file`: empty, open for writing; it stays the caller's. */
  constructor(file: Fd) {
    this.#file = file;
  }

  get position(): number {
    return this.#position;
  }

  /** Goes on at the next whole block; returns its number. */
  align(): number {
    const block = Math.ceil(this.#position / blockSize);
    // An image's numbers of blocks have 32 bits; and the last ones are taken for "none".
    if (block >= 0xffff_0000)
      throw new CurruntError("unsupported", "a layer of more than 16 TiB does not fit into an image");
    this.seek(block * blockSize);
    return block;
  }

  /** Goes on at `position`, which is not before the end of what was written. What is left out is a hole, zeros to its readers. */
  seek(position: number): void {
    const gap = position - this.#position;
    if (gap < 0) throw new Error("unreachable: data of an image goes back");
    // A hole of less than a block saves nothing.
    if (gap < blockSize && this.#length + gap <= gatherBytes) {
      this.#gathered.fill(0, this.#length, this.#length + gap);
      this.#length += gap;
    } else this.#flush();
    this.#position = position;
  }

  append(bytes: Buffer): void {
    if (this.#length + bytes.length > gatherBytes) this.#flush();
    if (bytes.length >= directBytes) {
      this.#flush();
      pwriteAll(this.#file, bytes, this.#position);
    } else {
      bytes.copy(this.#gathered, this.#length);
      this.#length += bytes.length;
    }
    this.#position += bytes.length;
  }

  /** Writes what is still in memory, and the superblock; makes the file whole blocks. */
  finish(superblock: Buffer): void {
    this.#flush();
    pwriteAll(this.#file, superblock, 0);
    ftruncate(this.#file, Math.ceil(this.#position / blockSize) * blockSize);
    release(this.#gathered);
  }

  #flush(): void {
    const length = this.#length;
    this.#length = 0;
    if (length > 0) pwriteAll(this.#file, this.#gathered.subarray(0, length), this.#position - length);
  }
}
