/** Starts the shim that a plan is for, or takes the one that waits already. */
import { takeWaitingShim } from "./entry.ts";
import type { Fd } from "./fd.ts";
import { waitForEnd } from "./process.ts";
import { shimImage } from "./shim-image.ts";
import { packetPair } from "./socket.ts";
import type { SpawnOptions } from "./spawn.ts";
import { spawnImage } from "./spawn.ts";

export interface StartedShim {
  /** Undefined when it is no child of ours. */
  readonly pid: number | undefined;
  /** Our end of its socket, the caller's to close. */
  readonly socket: Fd;
}

/** `spawn` has another process start it. Throws a SyscallError when there is no memory or process to be had. */
export async function startShim({
  stdio,
  spawn,
}: {
  readonly stdio: SpawnOptions["stdio"];
  readonly spawn?: ((options: SpawnOptions) => void) | undefined;
}): Promise<StartedShim> {
  const waiting = takeWaitingShim();
  if (waiting !== undefined) {
    if (stdio === "inherit" && spawn === undefined) return waiting;
    waiting.socket.close();
    waitForEnd(waiting.pid);
  }
  const image = await shimImage();
  const [near, far] = packetPair();
  using socket = far;
  try {
    if (spawn === undefined) return { pid: spawnImage({ image, stdio, socket }), socket: near };
    spawn({ image, stdio, socket });
    return { pid: undefined, socket: near };
  } catch (error) {
    near.close();
    throw error;
  }
}
