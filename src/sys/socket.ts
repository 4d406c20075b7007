/** Unix sockets: pairs, and connections at paths of any length. */
import {
  AF_UNIX,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  SOCK_CLOEXEC,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  sockaddr_un,
} from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { check } from "./error.ts";
import { Fd } from "./fd.ts";
import { openat } from "./file.ts";

/** Two connected stream sockets, close-on-exec. */
export function socketPair(): [Fd, Fd] {
  return connectedPair(SOCK_STREAM);
}

/** Two connected packet sockets, close-on-exec. */
export function packetPair(): [Fd, Fd] {
  return connectedPair(SOCK_SEQPACKET);
}

function connectedPair(type: number): [Fd, Fd] {
  const ends = new Int32Array(2);
  check(libc.socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), "socketpair");
  return [new Fd(ends[0] ?? -1), new Fd(ends[1] ?? -1)];
}

/** Connects to the stream listener at `directory`/`name`. ENOENT and ECONNREFUSED: nobody listens there. */
export function connectUnix(directory: string, name: string): Fd {
  const socket = new Fd(check(libc.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  try {
    withAddress(directory, name, (address) => {
      check(libc.connect(socket.number, address, address.length), "connect", `${directory}/${name}`);
    });
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** An address holds 108 bytes and paths are longer: the directory's descriptor stands for its path. */
export function withAddress(directory: string, name: string, use: (address: Uint8Array) => void): void {
  using base = openat(undefined, directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  const path = Buffer.from(`/proc/self/fd/${base.number}/${name}`);
  use(sockaddr_un.pack({ sun_family: AF_UNIX, sun_path: path }));
}
