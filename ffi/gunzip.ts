/** The code of `ffi/gunzip`, called by its address: a thread that inflates gzip data from one ring of memory into another. */
import type { Pointer } from "bun:ffi";
import { CFunction, read, toArrayBuffer } from "bun:ffi";
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_EXEC, PROT_READ, PROT_WRITE } from "./kernel.ts";
import { errno, libc } from "./libc.ts";

/** main.c: what the one function does. */
const [OPEN, PUT, FINISH, TAKE, READY, CLOSE, OUTPUT, DIGEST] = [0, 1, 2, 3, 4, 5, 6, 7];
/** main.c: flags of OPEN. */
const [HASH, PLAIN] = [1, 2];
/** gunzip.h: the ring that output comes in. What is taken may begin anywhere in it and go on behind its end. */
export const outputRingBytes = 2 << 20;
const digestBytes = 32;

/** gunzip.h, enum end: why a stream failed. The first is no failure. */
const failures = [
  "unexpected end of file",
  "incorrect header check",
  "unknown compression method",
  "unknown header flags set",
  "header crc mismatch",
  "invalid block type",
  "invalid stored block lengths",
  "invalid code lengths set",
  "invalid literal, length or distance code",
  "invalid distance too far back",
  "incorrect data check",
  "incorrect length check",
  "garbage after the compressed data",
];
/** The value of the first. */
const firstFailure = 2;

type Call = (
  operation: number,
  stream: number,
  bytes: Uint8Array | null,
  first: number,
  second: number,
) => number;

/** What `take` found: bytes of output, that input is wanted first, or that all of it was taken. */
export type Taken = number | "wants input" | "ended";

/** One stream of gzip members, with a thread of its own. */
export interface GunzipStream {
  /** The ring and the same ring again behind it. */
  readonly output: ArrayBuffer;
  /** Copies as much of `bytes` as there is room for; returns how much that was. */
  put(bytes: Uint8Array): number;
  /** No input follows. */
  finish(): void;
  /**
   * Gives `releasedBytes` of the output back, and waits until there are `leastBytes` more, unless input is wanted or the stream
   * ends first. Throws what is wrong with the data.
   */
  take(releasedBytes: number, leastBytes: number): Taken;
  /** Bytes of output that were not given back. */
  ready(): number;
  /** Whether it makes a digest: it was asked for, and the processor has instructions for it. */
  readonly hashes: boolean;
  /** SHA-256 of all output, once it has ended. */
  digest(): Uint8Array;
  /** Ends the thread and unmaps the memory: `output` must not be touched any more. */
  close(): void;
}

export interface GunzipOptions {
  readonly hash: boolean;
  /** Without what only some processors have; for tests. */
  readonly plain?: boolean;
}

/** Puts `code` (`buildGunzip` of ffi/compile.ts) into memory for good. Returns what opens streams, or `errno` when the kernel refuses. */
export function loadGunzip(code: Uint8Array): ((options: GunzipOptions) => GunzipStream | number) | number {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS;
  const address = Number(libc.mmap(null, code.length, PROT_READ | PROT_WRITE, flags, -1, 0));
  if (address === -1) return errno();
  new Uint8Array(toArrayBuffer(address as Pointer, 0, code.length)).set(code);
  if (libc.mprotect(address, code.length, PROT_READ | PROT_EXEC) === -1) return errno();
  // The types of Bun do not know of "i64_fast", a number where it fits into one.
  const signature = { args: ["i32", "u64", "ptr", "u64", "u64"], returns: "i64_fast" } as never;
  const call = CFunction({ ptr: address as Pointer, ...(signature as object) }) as unknown as Call;
  return (options) => openStream(call, options);
}

function openStream(call: Call, { hash, plain = false }: GunzipOptions): GunzipStream | number {
  const stream = Number(call(OPEN, 0, null, (hash ? HASH : 0) | (plain ? PLAIN : 0), 0));
  if (stream < 0) return -stream;
  const place = Number(call(OUTPUT, stream, null, 0, 0));
  const digest = () => Number(call(DIGEST, stream, null, 0, 0));
  return {
    output: toArrayBuffer(place as Pointer, 0, 2 * outputRingBytes),
    put: (bytes) => Number(call(PUT, stream, bytes, bytes.length, 0)),
    finish: () => void call(FINISH, stream, null, 0, 0),
    take(releasedBytes, leastBytes) {
      const taken = Number(call(TAKE, stream, null, releasedBytes, leastBytes));
      if (taken > 0) return taken;
      if (taken === 0) return "wants input";
      if (taken === -1) return "ended";
      throw new Error(failures[-taken - firstFailure] ?? `unknown failure ${-taken}`);
    },
    ready: () => Number(call(READY, stream, null, 0, 0)),
    hashes: digest() !== 0,
    digest() {
      const [words, bytes] = [digest() as Pointer, Buffer.alloc(digestBytes)];
      for (let at = 0; at < digestBytes; at += 4) bytes.writeUInt32BE(read.u32(words, at), at);
      return bytes;
    },
    close: () => void call(CLOSE, stream, null, 0, 0),
  };
}
