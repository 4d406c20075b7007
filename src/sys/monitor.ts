/** Starts the monitor of a container, which is the shim's other half, and hands the container over to it. */
import type { ChargeFlag } from "../../ffi/charge.ts";
import { packCharge } from "../../ffi/charge.ts";
import { O_PATH } from "../../ffi/kernel.ts";
import { isExecutable } from "./exit.ts";
import type { Fd } from "./fd.ts";
import { openat } from "./file.ts";
import { sendWithDescriptors } from "./rights.ts";
import { shimImage } from "./shim-image.ts";
import { socketPair } from "./socket.ts";
import { spawnImage } from "./spawn.ts";

/** What a monitor is to do. */
export interface Charge {
  /** The container's directory, absolute: its log and its end go there. */
  readonly directory: string;
  /** Its run directory, absolute: the attach socket is made there. */
  readonly run: string;
  /** Held by the monitor as long as the container runs. */
  readonly lock: Fd;
  /** Far end of the plan's socket. */
  readonly plan: Fd;
  /** The master of the program's terminal comes through this; without it the program gets pipes. */
  readonly terminal?: Fd | undefined;
  /** The program's input stays open for clients; else it is /dev/null. */
  readonly input: boolean;
  /** The creating client stays and gets the output. */
  readonly attached: boolean;
  /** Arguments of ours that remove the container when nobody else does; without them it stays when it has ended. */
  readonly removal?: readonly string[] | undefined;
  /** Kept open as long as the monitor lives. */
  readonly kept?: Fd | undefined;
}

/** A monitor that waits for its charge. */
export interface Monitor {
  readonly pid: number;
  /** To it. */
  readonly socket: Fd;
}

/**
 * Starts a monitor, which shows itself as "currunt monitor `directory`", with a socket to it. It ends when that is
 * closed before it has been told that the program runs.
 */
export async function spawnMonitor(directory: string): Promise<Monitor> {
  const image = await shimImage();
  const [ours, theirs] = socketPair();
  using socket = theirs;
  const pid = spawnImage({ image, stdio: "inherit", socket, args: ["currunt", "monitor", directory] });
  return { pid, socket: ours };
}

/** Has a monitor start the plan's shim, whose init becomes its child. The caller keeps its descriptors. */
export function handOver(socket: Fd, charge: Charge): void {
  const { directory, run, lock, plan, terminal, input, attached, removal, kept } = charge;
  const flags: ChargeFlag[] = [];
  if (terminal !== undefined) flags.push("TERMINAL");
  if (input) flags.push("INPUT");
  if (attached) flags.push("ATTACHED");
  if (kept !== undefined) flags.push("KEEP");
  const fds = terminal === undefined ? [lock, plan] : [lock, plan, terminal];
  const last = kept === undefined ? [] : [kept];
  if (removal === undefined) {
    sendWithDescriptors(socket, packCharge(flags, [directory, run]), [...fds, ...last]);
    return;
  }
  // By descriptor: this very program, whatever becomes of its path.
  using executable = openat(undefined, "/proc/self/exe", O_PATH);
  const args = isExecutable() ? ["currunt"] : ["bun", Bun.main];
  const packet = packCharge([...flags, "REMOVE"], [directory, run, ...args, ...removal]);
  sendWithDescriptors(socket, packet, [...fds, executable, ...last]);
}
