/** Hands the listener of a seccomp filter over to the agent that answers it (config-linux.md, "The Container Process State"). */
import { posix } from "node:path";
import { wrap } from "../base/error.ts";
import type { Fd } from "../sys/fd.ts";
import { sendWithDescriptors } from "../sys/rights.ts";
import { connectUnix } from "../sys/socket.ts";
import type { LinuxSeccomp } from "./spec-seccomp.ts";

/** Whose calls the agent will hear of. */
export interface ListenedProcess {
  /** The process that the filter is of, as we see it. */
  readonly pid: number;
  readonly seccomp: LinuxSeccomp;
  readonly container: {
    readonly ociVersion: string;
    readonly id: string;
    /** Of the container's init. */
    readonly pid: number;
    readonly status: "creating" | "running";
    readonly bundle: string;
    readonly annotations?: Readonly<Record<string, string>> | undefined;
  };
}

/** Sends the listener with the state of its process to the profile's socket, a connection each. The caller closes it. */
export function sendListener(listener: Fd, { pid, seccomp, container }: ListenedProcess): void {
  const { listenerPath = "", listenerMetadata: metadata } = seccomp;
  const { ociVersion } = container;
  const message = { ociVersion, fds: ["seccompFd"], pid, metadata, state: container };
  try {
    using socket = connectUnix(posix.dirname(listenerPath), posix.basename(listenerPath));
    sendWithDescriptors(socket, Buffer.from(JSON.stringify(message)), [listener]);
  } catch (error) {
    throw wrap(error, `send the seccomp listener to "${listenerPath}"`);
  }
}
