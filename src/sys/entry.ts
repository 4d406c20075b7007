/** What the executable's first instructions (ffi/entry) leave for us: the shim's program, and perhaps a shim that waits for its plan. */
import { bytesAt } from "../../ffi/memory.ts";
import { Fd } from "./fd.ts";

/** A child of ours that is a shim, or becomes one in this moment. */
export interface WaitingShim {
  readonly pid: number;
  /** Our end of its socket. */
  readonly socket: Fd;
}

let taken = false;

/** The shim's program in memory; undefined where Bun was started without those instructions. */
export function shimProgram(): Uint8Array | undefined {
  const [address, length] = left();
  return address === undefined || length === undefined ? undefined : bytesAt(address, length);
}

/** The sealed file that it runs from, if it was started. */
export function startedImage(): Fd | undefined {
  const image = left()[2];
  return image === undefined ? undefined : new Fd(image);
}

/** The waiting shim, to the first who asks: it is the caller's then, to be ended by closing its socket, and waited for. */
export function takeWaitingShim(): WaitingShim | undefined {
  const [, , , socket, pid] = left();
  if (taken || socket === undefined || pid === undefined) return undefined;
  taken = true;
  return { pid, socket: new Fd(socket) };
}

/** True: the signals that a command in the foreground passes on are blocked in all threads, and wait in the kernel. */
export function signalsAreKept(): boolean {
  return left()[5] === 1;
}

/** The numbers of `prepare_shim` in entry.c: address, bytes; descriptors of image and socket, pid; 1 for kept signals. */
function left(): readonly number[] {
  return process.env["CURRUNT_SHIM"]?.split(":").map(Number) ?? [];
}
