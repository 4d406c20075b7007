/** Waits for a container's end through its monitor, without taking part in its output. */
import type { ContainerPaths } from "../base/paths.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { connectUnix } from "../sys/socket.ts";
import { Connection, decodeExit, encodeFrame } from "./attach-protocol.ts";

/** A connection to a container's monitor; undefined when there is none, or it is about to go. */
export function connectToMonitor(paths: ContainerPaths): Fd | undefined {
  try {
    return connectUnix(paths.run, "attach.sock");
  } catch (error) {
    if (failedWith(error, "ENOENT", "ECONNREFUSED", "ENOTDIR")) return undefined;
    throw error;
  }
}

/**
 * Resolves to the exit code, or to undefined when the monitor died. Undefined at once: no monitor can be reached, the
 * container does not run.
 */
export function observeEnd(paths: ContainerPaths): Promise<number | undefined> | undefined {
  const socket = connectToMonitor(paths);
  if (socket === undefined) return undefined;
  return new Promise((resolve) => {
    let exitCode: number | undefined;
    const connection = new Connection(socket, {
      onFrame: (type, payload) => {
        if (type === "exit") exitCode = decodeExit(payload);
      },
      onClose: () => {
        connection[Symbol.dispose]();
        resolve(exitCode);
      },
    });
    connection.send(encodeFrame("observe"));
  });
}
