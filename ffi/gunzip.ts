/** The code of `ffi/gunzip`, called by its address: a thread that inflates gzip data from one ring of memory into another. */
import type { Pointer } from "bun:ffi";
import { CFunction, read, toArrayBuffer } from "bun:ffi";
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_EXEC, PROT_READ, PROT_WRITE } from "./kernel.ts";
import { errno, libc } from "./libc.ts";
import { addressOf, bytesAt } from "./memory.ts";

/** main.c: what the one function does. */
const [OPEN, PUT, FINISH, TAKE, READY, CLOSE, OUTPUT, HASHES, DIGEST] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const [HASH_START, HASH_ADD, HASH_END, HAS_ROOM] = [9, 10, 11, 12];
/** At least as large as struct hasher. */
const hasherBytes = 256;
/** main.c: flags of OPEN. */
const [HASH, PLAIN] = [1, 2];
/** gunzip.h: the ring that output comes in. What is taken may begin anywhere in it and go on behind its end. */
export const outputRingBytes = 1 << 20;
const digestBytes = 32;
/** Streams whose memory is kept when they are closed, for those that follow. */
const spareStreams = 2;

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

/** What puts data into a stream, which has a thread of its own, and ends it. */
export interface StreamInput {
  /** Tells the stream to `attach`, in any thread of this process, until it is closed. */
  readonly address: number;
  /** Copies as much of `bytes` as there is room for; returns how much that was. */
  put(bytes: Uint8Array): number;
  /** No input follows. */
  finish(): void;
  /** Ends the thread; the memory is another stream's then, or nobody's: the output must not be touched any more. */
  close(): void;
}

/** What takes data out of it: in one thread, which may be another. */
export interface StreamOutput {
  /** The ring and the same ring again behind it. */
  readonly bytes: ArrayBuffer;
  /**
   * Gives `releasedBytes` of the output back, and waits until there are `leastBytes` more, unless input is wanted or the stream
   * ends first. Throws what is wrong with the data.
   */
  take(releasedBytes: number, leastBytes: number): Taken;
  /** Bytes of output that were not given back. */
  ready(): number;
  /** Whether there is room now for input that `put` did not take: true once for each time. */
  hasRoom(): boolean;
  /** Whether it makes a digest: it was asked for, and the processor has instructions for it. */
  readonly hashes: boolean;
  /** SHA-256 of all output, once it has ended. */
  digest(): Uint8Array;
}

export interface GunzipOptions {
  readonly hash: boolean;
  /** Without what only some processors have; for tests. */
  readonly plain?: boolean;
}

export interface StreamHash {
  add(bytes: Uint8Array): void;
  /** Once, at the end. */
  digest(): Uint8Array;
}

/** The code in memory. */
export interface GunzipCode {
  /** Begins a stream of gzip members; `errno` when the kernel refuses memory or a thread. */
  open(options: GunzipOptions): StreamInput | number;
  /** The output of the stream at `address`. */
  attach(address: number): StreamOutput;
  /** Begins a SHA-256 of bytes that no stream has; undefined when the processor has no instructions for it. */
  startHash(): StreamHash | undefined;
}

/** Puts `code` (`buildGunzip` of ffi/compile.ts) into memory for good; returns `errno` when the kernel refuses. */
export function loadGunzip(code: Uint8Array): GunzipCode | number {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS;
  const address = Number(libc.mmap(null, code.length, PROT_READ | PROT_WRITE, flags, -1, 0));
  if (address === -1) return errno();
  bytesAt(address, code.length).set(code);
  if (libc.mprotect(address, code.length, PROT_READ | PROT_EXEC) === -1) return errno();
  // The types of Bun do not know of "i64_fast", a number where it fits into one.
  const signature = { args: ["i32", "u64", "ptr", "u64", "u64"], returns: "i64_fast" } as never;
  const call = CFunction({ ptr: address as Pointer, ...(signature as object) }) as unknown as Call;
  const spare: number[] = [];
  return {
    open: (options) => openStream(call, spare, options),
    attach: (stream) => attachStream(call, stream),
    startHash: () => startHash(call),
  };
}

function openStream(
  call: Call,
  spare: number[],
  { hash, plain = false }: GunzipOptions,
): StreamInput | number {
  const stream = Number(call(OPEN, spare.pop() ?? 0, null, (hash ? HASH : 0) | (plain ? PLAIN : 0), 0));
  if (stream < 0) return -stream;
  return {
    address: stream,
    put: (bytes) => Number(call(PUT, stream, bytes, bytes.length, 0)),
    finish: () => void call(FINISH, stream, null, 0, 0),
    close() {
      const keep = spare.length < spareStreams;
      call(CLOSE, stream, null, keep ? 1 : 0, 0);
      if (keep) spare.push(stream);
    },
  };
}

function attachStream(call: Call, stream: number): StreamOutput {
  const place = Number(call(OUTPUT, stream, null, 0, 0));
  return {
    bytes: toArrayBuffer(place as Pointer, 0, 2 * outputRingBytes),
    take(releasedBytes, leastBytes) {
      const taken = Number(call(TAKE, stream, null, releasedBytes, leastBytes));
      if (taken > 0) return taken;
      if (taken === 0) return "wants input";
      if (taken === -1) return "ended";
      throw new Error(failures[-taken - firstFailure] ?? `unknown failure ${-taken}`);
    },
    ready: () => Number(call(READY, stream, null, 0, 0)),
    hasRoom: () => Number(call(HAS_ROOM, stream, null, 0, 0)) !== 0,
    hashes: Number(call(HASHES, stream, null, 0, 0)) !== 0,
    digest() {
      return readDigest(Number(call(DIGEST, stream, null, 0, 0)));
    },
  };
}

function startHash(call: Call): StreamHash | undefined {
  const hasher = new Uint8Array(hasherBytes);
  if (Number(call(HASH_START, addressOf(hasher), null, 0, 0)) === 0) return undefined;
  return {
    add: (bytes) => void call(HASH_ADD, addressOf(hasher), bytes, bytes.length, 0),
    digest() {
      call(HASH_END, addressOf(hasher), null, 0, 0);
      return readDigest(addressOf(hasher));
    },
  };
}

/** The digest at `address`, where it is in words. */
function readDigest(address: number): Uint8Array {
  const bytes = Buffer.alloc(digestBytes);
  for (let at = 0; at < digestBytes; at += 4) bytes.writeUInt32BE(read.u32(address as Pointer, at), at);
  return bytes;
}
