/** Unix datagram sockets: one that receives at a path, and packets to one (`man 7 unix`). */
import { AF_UNIX, POLLIN, pollfd, SOCK_CLOEXEC, SOCK_DGRAM, sockaddr_un } from "../../ffi/kernel.ts";
import { errno, libc } from "../../ffi/libc.ts";
import { check, SyscallError } from "./error.ts";
import { Fd } from "./fd.ts";
import { receiveWithDescriptors, sendWithDescriptors } from "./rights.ts";
import { withAddress } from "./socket.ts";

const EINTR = 4;

/** A socket that receives at `directory`/`name`; the name must not exist. */
export function receiveAt(directory: string, name: string): Fd {
  const socket = open();
  try {
    withAddress(directory, name, (address) => {
      check(libc.bind(socket.number, address, address.length), "bind", `${directory}/${name}`);
    });
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** Sends one packet to the socket at `path`; "@name" is an abstract one. */
export function sendPacket(path: string, packet: Uint8Array): void {
  using socket = open();
  const name = Buffer.from(path.startsWith("@") ? `\0${path.slice(1)}` : path);
  // An abstract name ends where the address does, and may have NULs.
  const address = sockaddr_un.pack({ sun_family: AF_UNIX, sun_path: name }).subarray(0, 2 + name.length);
  check(libc.connect(socket.number, address, address.length), "connect", path);
  sendWithDescriptors(socket, packet, []);
}

/** The next packet; undefined when the process of `pidfd` ended first. Blocks. */
export function nextPacket(socket: Fd, pidfd: Fd): Buffer | undefined {
  const asked = Buffer.concat(
    [socket, pidfd].map(({ number }) => pollfd.pack({ fd: number, events: POLLIN })),
  );
  for (;;) {
    const ready = libc.poll(asked, 2, -1);
    if (ready === -1 && errno() !== EINTR) throw new SyscallError("poll", errno(), "socket");
    if (ready <= 0) continue;
    // What it said before its end counts.
    if (asked.readInt16LE(pollfd.offsets.revents) !== 0)
      return Buffer.from(receiveWithDescriptors(socket, 4096).bytes);
    return undefined;
  }
}

function open(): Fd {
  return new Fd(check(libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
}
