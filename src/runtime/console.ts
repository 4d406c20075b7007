/** The sockets through which a caller gets a container's terminal, or init's pidfd. */
import { posix } from "node:path";
import { CurruntError, wrap } from "../base/error.ts";
import type { Fd } from "../sys/fd.ts";
import { sendWithDescriptors } from "../sys/rights.ts";
import { connectUnix } from "../sys/socket.ts";

/** Connects to the socket at `path`, absolute, before anything is made: a caller that does not listen is told at once. */
export function connectReceiver(path: string, what: string): Fd {
  try {
    return connectUnix(posix.dirname(path), posix.basename(path));
  } catch (error) {
    throw wrap(error, `connect to the ${what} ${JSON.stringify(path)}`);
  }
}

/** Sends a descriptor with its name in one message, as containerd's and conmon's consoles expect it. */
export function sendDescriptor(receiver: Fd, fd: Fd, name: string): void {
  sendWithDescriptors(receiver, Buffer.from(name), [fd]);
}

/** Whether a terminal is asked for, and how it is to reach the caller, must fit together. */
export function checkTerminal(options: {
  readonly terminal: boolean;
  readonly detach: boolean;
  readonly consoleSocket: string | undefined;
}): void {
  const { terminal, detach, consoleSocket } = options;
  if (consoleSocket !== undefined && !(terminal && detach)) {
    throw new CurruntError("invalid", "cannot use console socket if currunt will not detach or allocate tty");
  }
  if (terminal && detach && consoleSocket === undefined) {
    throw new CurruntError(
      "invalid",
      "cannot allocate tty if currunt will detach without setting console socket",
      {
        hint: "process.terminal is true: pass -console-socket, or set it to false",
      },
    );
  }
}
