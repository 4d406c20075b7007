/** Descriptors through unix sockets (`man 7 unix`, SCM_RIGHTS). */
import {
  cmsghdr,
  iovec,
  MSG_CMSG_CLOEXEC,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_PEEK,
  msghdr,
  SCM_RIGHTS,
  SOL_SOCKET,
} from "../../ffi/kernel.ts";
import { errno, libc } from "../../ffi/libc.ts";
import { check } from "./error.ts";
import { Fd } from "./fd.ts";

const EINTR = 4;

/** Sends one packet and, with it, copies of descriptors. */
export function sendWithDescriptors(socket: Fd, packet: Uint8Array, fds: readonly Fd[]): void {
  const length = cmsghdr.size + 4 * fds.length;
  const control = new Uint8Array(Math.ceil(length / 8) * 8);
  control.set(cmsghdr.pack({ cmsg_len: length, cmsg_level: SOL_SOCKET, cmsg_type: SCM_RIGHTS }));
  new Int32Array(control.buffer, cmsghdr.size).set(fds.map((fd) => fd.number));
  const message = msghdr.pack({
    msg_iov: iovec.pack({ iov_base: packet, iov_len: packet.length }),
    msg_iovlen: 1,
    ...(fds.length === 0 ? {} : { msg_control: control, msg_controllen: length }),
  });
  check(
    uninterrupted(() => libc.sendmsg(socket.number, message, MSG_NOSIGNAL)),
    "sendmsg",
  );
}

/** What came in one message: bytes, and the descriptors with them. */
export interface Received {
  readonly bytes: Uint8Array;
  readonly fds: readonly Fd[];
}

/** Receives what is there, at most `size` bytes, and the descriptors with it, close-on-exec. Blocks; empty bytes: the end. */
export function receiveWithDescriptors(socket: Fd, size: number): Received {
  return receive(socket, size, MSG_CMSG_CLOEXEC);
}

/** The same of what waits in the socket, and stays in it. Does not block: EAGAIN when nothing is there. */
export function peekWithDescriptors(socket: Fd, size: number): Received {
  return receive(socket, size, MSG_CMSG_CLOEXEC | MSG_PEEK | MSG_DONTWAIT);
}

function receive(socket: Fd, size: number, flags: number): Received {
  const bytes = new Uint8Array(size);
  // As many as one message can carry (SCM_MAX_FD).
  const control = new Uint8Array(cmsghdr.size + 4 * 253);
  const message = msghdr.pack({
    msg_iov: iovec.pack({ iov_base: bytes, iov_len: bytes.length }),
    msg_iovlen: 1,
    msg_control: control,
    msg_controllen: control.length,
  });
  const count = uninterrupted(() => libc.recvmsg(socket.number, message, flags));
  check(count, "recvmsg");
  // The message's own length has padding in it; the header's has not.
  const length = msghdr.unpack(message).msg_controllen > 0n ? Number(cmsghdr.unpack(control).cmsg_len) : 0;
  const view = new DataView(control.buffer);
  const fds: Fd[] = [];
  for (let at = cmsghdr.size; at + 4 <= length; at += 4) fds.push(new Fd(view.getInt32(at, true)));
  return { bytes: bytes.subarray(0, count), fds };
}

/** A signal's handler ends a call that blocks, before a byte has moved: again then. */
function uninterrupted(call: () => number): number {
  for (;;) {
    const result = call();
    if (result !== -1 || errno() !== EINTR) return result;
  }
}
