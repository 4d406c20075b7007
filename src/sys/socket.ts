/** Unix sockets: pairs, listeners and connections at paths of any length, credentials of the peer. */
import {
  AF_UNIX,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
  SO_PEERCRED,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  sockaddr_un,
  ucred,
} from "../../ffi/kernel.ts";
import { errno, libc } from "../../ffi/libc.ts";
import { check, SyscallError } from "./error.ts";
import { Fd } from "./fd.ts";
import { openat } from "./file.ts";

const EAGAIN = 11;
const ECONNABORTED = 103;

/** Two connected stream sockets, close-on-exec. */
export function socketPair(): [Fd, Fd] {
  const ends = new Int32Array(2);
  check(libc.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
  return [new Fd(ends[0] ?? -1), new Fd(ends[1] ?? -1)];
}

/** A non-blocking stream listener at `directory`/`name`; the name must not exist. */
export function listenUnix(directory: string, name: string): Fd {
  const socket = new Fd(check(libc.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  try {
    withAddress(directory, name, (address) => {
      check(libc.bind(socket.number, address, address.length), "bind", `${directory}/${name}`);
    });
    check(libc.listen(socket.number, 128), "listen");
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
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

/** The next connection that waits, or undefined. */
export function accept(listener: Fd): Fd | undefined {
  const connection = libc.accept4(listener.number, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (connection !== -1) return new Fd(connection);
  const error = errno();
  if (error === EAGAIN || error === ECONNABORTED) return undefined;
  throw new SyscallError("accept4", error);
}

/** The user who opened the other end (`man 7 unix`, SO_PEERCRED). */
export function peerUser(socket: Fd): number {
  const credentials = new Uint8Array(ucred.size);
  const length = new Uint32Array([ucred.size]);
  check(libc.getsockopt(socket.number, SOL_SOCKET, SO_PEERCRED, credentials, length), "getsockopt");
  return ucred.unpack(credentials).uid;
}

/** An address holds 108 bytes and paths are longer: the directory's descriptor stands for its path. */
function withAddress(directory: string, name: string, use: (address: Uint8Array) => void): void {
  using base = openat(undefined, directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  const path = Buffer.from(`/proc/self/fd/${base.number}/${name}`);
  use(sockaddr_un.pack({ sun_family: AF_UNIX, sun_path: path }));
}
