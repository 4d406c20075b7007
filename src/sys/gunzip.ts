/** Inflates gzip data on a thread of its own, which no event loop drives: the caller's waits are short ones for work that is done meanwhile. */
import type { GunzipCode, GunzipOptions, StreamInput, StreamOutput } from "../../ffi/gunzip.ts";
import { loadGunzip, outputRingBytes } from "../../ffi/gunzip.ts";
import { O_RDONLY } from "../../ffi/kernel.ts";
import { SyscallError } from "./error.ts";
import { openat } from "./file.ts";
import { readBytes } from "./small-file.ts";

/** The code in base64, which `build.ts` stamps into the executable. */
declare const CURRUNT_GUNZIP: string | undefined;

/** Pieces are at least this large where there is enough: each is a call and a look at what is in it. */
const pieceBytes = 256 << 10;

let loaded: GunzipCode | undefined;

/** The code, in memory from the first call on. Throws a SyscallError when the kernel does not allow that. */
export function loadCode(): GunzipCode {
  if (loaded !== undefined) return loaded;
  const made = loadGunzip(readCode());
  if (typeof made === "number") throw new SyscallError("mmap", made, "executable memory");
  loaded = made;
  return made;
}

function readCode(): Uint8Array {
  if (typeof CURRUNT_GUNZIP !== "undefined") return Buffer.from(CURRUNT_GUNZIP, "base64");
  using file = openat(undefined, new URL("../../dist/gunzip", import.meta.url).pathname, O_RDONLY);
  return readBytes(file);
}

/** A digest that is made as bytes pass. */
export interface Hash {
  add(bytes: Uint8Array): void;
  /** Once, at the end. */
  digest(): Uint8Array;
}

/** Begins a SHA-256 with the processor's own instructions, faster than the engine's; undefined where there are none. */
export function startSha256(): Hash | undefined {
  return loadCode().startHash();
}

/** One stream of gzip members, as who puts data into it sees it. */
export class GunzipInput implements Disposable {
  readonly #opened: StreamInput;
  #closed = false;

  /** Throws a SyscallError when the kernel has no memory or thread to give. */
  constructor(options: GunzipOptions) {
    const stream = loadCode().open(options);
    if (typeof stream === "number") throw new SyscallError("clone", stream, "a thread that inflates");
    this.#opened = stream;
  }

  /** For a `GunzipOutput`. */
  get address(): number {
    return this.#stream.address;
  }

  /** Copies as much of `bytes` as there is room for; returns how much that was. Output must be taken before there is more. */
  put(bytes: Uint8Array): number {
    return this.#stream.put(bytes);
  }

  /** No input follows. */
  finish(): void {
    this.#stream.finish();
  }

  /** The output must not be in use any more. */
  [Symbol.dispose](): void {
    if (!this.#closed) this.#opened.close();
    this.#closed = true;
  }

  /** Its memory may be something else's once it is closed. */
  get #stream(): StreamInput {
    if (this.#closed) throw new Error("gzip stream used after it was closed");
    return this.#opened;
  }
}

/** What comes out of it: for one thread of this process, be it another one. */
export class GunzipOutput {
  readonly #stream: StreamOutput;
  readonly #ring: Buffer;
  /** Where in the ring the next piece begins, and how much of what is before it is still lent. */
  #at = 0;
  #lent = 0;

  /** `address`: of a `GunzipInput` that stays open. */
  constructor(address: number) {
    this.#stream = loadCode().attach(address);
    this.#ring = Buffer.from(this.#stream.bytes);
  }

  /**
   * The next piece of output, valid until the next call; waits for it, unless input is wanted first or there is no more. Throws an
   * error whose message is what is wrong with the data.
   */
  take(): Buffer | "wants input" | "ended" {
    const taken = this.#stream.take(this.#lent, pieceBytes);
    this.#lent = 0;
    if (typeof taken !== "number") return taken;
    const piece = this.#ring.subarray(this.#at, this.#at + taken);
    this.#at = (this.#at + taken) % outputRingBytes;
    this.#lent = taken;
    return piece;
  }

  /** Whether `take` would give a piece of the usual size at once. */
  get ready(): boolean {
    return this.#stream.ready() - this.#lent >= pieceBytes;
  }

  /** Whether input that `put` did not take has room now; said once. */
  hasRoom(): boolean {
    return this.#stream.hasRoom();
  }

  /** Whether it makes a digest: it was asked for, and the processor has instructions for it. */
  get hashes(): boolean {
    return this.#stream.hashes;
  }

  /** SHA-256 of all output, once it has ended. */
  digest(): Uint8Array {
    return this.#stream.digest();
  }
}
