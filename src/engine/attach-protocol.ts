/** What the monitor (ffi/shim/client.c) and its clients say to each other: frames of a type (u8), a length (u32, little-endian) and a payload. */
import { CurruntError } from "../base/error.ts";
import type { Fd } from "../sys/fd.ts";
import { Reader, Writer } from "../sys/stream.ts";
import type { WindowSize } from "../sys/terminal.ts";

/** Frame types. A client sends those below 16, the monitor the others. */
export const frameTypes = {
  /** Bytes for the program; empty: end of input. */
  stdin: 2,
  /** u16 rows, u16 columns. */
  resize: 3,
  /** The client wants no output, only the end. */
  observe: 4,
  /** From the creating client only, after its charge (`sys/monitor.ts`): the program runs. */
  started: 5,
  /** u8, 1: with a terminal. To a client that joins a program; output follows. */
  ready: 16,
  stdout: 18,
  stderr: 19,
  /** u32 exit code, to the creating client of a container of -rm: take it out of the index. */
  ended: 17,
  /** u32 exit code, after all output and after the end has been recorded; the last frame. */
  exit: 20,
} as const;
/** The name of a frame type. */
export type FrameType = keyof typeof frameTypes;

const headerBytes = 5;
/** No frame is longer. */
const maximumPayloadBytes = 16 * 1024 * 1024;

/** One frame, ready to be written. */
export function encodeFrame(type: FrameType, payload: Uint8Array = new Uint8Array()): Uint8Array {
  const frame = new Uint8Array(headerBytes + payload.length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, frameTypes[type]);
  view.setUint32(1, payload.length, true);
  frame.set(payload, headerBytes);
  return frame;
}

/** A `resize` frame. */
export function encodeResize({ rows, columns }: WindowSize): Uint8Array {
  return encodeFrame("resize", new Uint8Array(Uint16Array.of(rows, columns).buffer));
}

/** The exit code of an `exit` or `ended` frame. */
export function decodeExit(payload: Uint8Array): number {
  if (payload.length !== 4) throw malformed(`an exit of ${payload.length} bytes`);
  return new DataView(payload.buffer, payload.byteOffset, payload.length).getUint32(0, true);
}

const typeNames = new Map<number, FrameType>();
for (const [name, type] of Object.entries(frameTypes)) typeNames.set(type, name as FrameType);

/** Cuts a stream of bytes into frames, however the bytes come. */
export class FrameDecoder {
  #rest: Uint8Array = new Uint8Array();

  /** Calls `onFrame` for each frame that `bytes` completes; the payload is valid during the call only. */
  push(bytes: Uint8Array, onFrame: (type: FrameType, payload: Uint8Array) => void): void {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const view = new DataView(all.buffer, all.byteOffset, all.length);
    let at = 0;
    while (all.length - at >= headerBytes) {
      const type = typeNames.get(view.getUint8(at));
      const length = view.getUint32(at + 1, true);
      if (type === undefined) throw malformed(`frame type ${view.getUint8(at)}`);
      if (length > maximumPayloadBytes) throw malformed(`a frame of ${length} bytes`);
      const end = at + headerBytes + length;
      if (all.length < end) break;
      onFrame(type, all.subarray(at + headerBytes, end));
      at = end;
    }
    // A copy: the reader's buffer is used again.
    this.#rest = at === all.length ? new Uint8Array() : all.slice(at);
  }
}

function malformed(what: string): CurruntError {
  return new CurruntError("internal", `read from the attach socket: ${what}`);
}

/** What a connection calls. */
export interface ConnectionHandlers {
  readonly onFrame: (type: FrameType, payload: Uint8Array) => void;
  /** The other side has closed, or sent what is no frame. */
  readonly onClose: () => void;
  /** All that was sent has left this process. */
  readonly onDrain?: () => void;
}

/** One side of a connection; owns its socket. */
export class Connection implements Disposable {
  readonly #socket: Fd;
  readonly #reader: Reader;
  readonly #writer: Writer;
  readonly #decoder = new FrameDecoder();
  readonly #handlers: ConnectionHandlers;

  constructor(socket: Fd, handlers: ConnectionHandlers) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.#reader = new Reader(socket, {
      onData: (bytes) => this.#receive(bytes),
      onEnd: () => handlers.onClose(),
    });
    this.#writer = new Writer(socket, () => handlers.onDrain?.());
    this.#reader.resume();
  }

  /** Sends a frame; false when the other side is slow: wait for `onDrain` before sending more. */
  send(frame: Uint8Array): boolean {
    return this.#writer.write(frame);
  }

  /** Whether all that was sent has left this process. */
  get drained(): boolean {
    return this.#writer.drained;
  }

  pause(): void {
    this.#reader.pause();
  }

  resume(): void {
    this.#reader.resume();
  }

  #receive(bytes: Uint8Array): void {
    try {
      this.#decoder.push(bytes, this.#handlers.onFrame);
    } catch (error) {
      if (!(error instanceof CurruntError)) throw error;
      this.#handlers.onClose();
    }
  }

  [Symbol.dispose](): void {
    this.#reader[Symbol.dispose]();
    this.#writer[Symbol.dispose]();
    this.#socket.close();
  }
}
