/** Netlink, the kernel's interface to the network's configuration: requests with attributes, answers in parts (`man 7 netlink`). */
import {
  AF_NETLINK,
  CLONE_NEWNET,
  NETLINK_ROUTE,
  NLA_F_NESTED,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  nlattr,
  nlmsghdr,
  SOCK_CLOEXEC,
  SOCK_RAW,
} from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { check, SyscallError } from "./error.ts";
import { Fd } from "./fd.ts";

/** One attribute: its type and its bytes. */
export type Attribute = readonly [type: number, bytes: Uint8Array];

export interface Request {
  /** RTM_*. */
  readonly type: number;
  /** NLM_F_*, beside those that every request has. */
  readonly flags?: number;
  /** The struct that the type has: ifinfomsg … */
  readonly body: Uint8Array;
  readonly attributes?: readonly Attribute[];
  /** For the error's text: "RTM_NEWLINK eth0". */
  readonly subject: string;
}

/** One message of an answer. */
export interface Answer {
  readonly body: Uint8Array;
  /** Attributes by type, the last of each. */
  readonly attributes: ReadonlyMap<number, Uint8Array>;
}

const align = (length: number) => Math.ceil(length / 4) * 4;

/** A socket to the routing part of one network namespace's configuration. Blocks; answers of the kernel do not wait. */
export class RouteSocket implements Disposable {
  readonly #fd: Fd;
  #sequence = 0;

  constructor() {
    this.#fd = new Fd(check(libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), "socket"));
  }

  /** A socket of another namespace: it stays in the one in which it was made. `namespace`: an opened ns file. */
  static within(namespace: Fd, own: Fd): RouteSocket {
    // Holds for this thread alone, and nothing runs on it in between.
    check(libc.setns(namespace.number, CLONE_NEWNET), "setns", "network");
    try {
      return new RouteSocket();
    } finally {
      check(libc.setns(own.number, CLONE_NEWNET), "setns", "network");
    }
  }

  [Symbol.dispose](): void {
    this.#fd.close();
  }

  /** Has the kernel do something. */
  change(request: Request): void {
    this.#send(request, NLM_F_ACK);
    this.#receive(request);
  }

  /** Has it tell all that it has of a kind. */
  list(request: Request): Answer[] {
    this.#send(request, NLM_F_DUMP);
    return this.#receive(request);
  }

  #send({ type, flags = 0, body, attributes = [] }: Request, more: number): void {
    const parts = [body, ...attributes.map(packAttribute)];
    const length = nlmsghdr.size + parts.reduce((sum, part) => sum + align(part.length), 0);
    const packet = new Uint8Array(length);
    this.#sequence += 1;
    const header = { nlmsg_len: length, nlmsg_type: type, nlmsg_seq: this.#sequence };
    packet.set(nlmsghdr.pack({ ...header, nlmsg_flags: NLM_F_REQUEST | flags | more }));
    let at = nlmsghdr.size;
    for (const part of parts) {
      packet.set(part, at);
      at += align(part.length);
    }
    check(libc.write(this.#fd.number, packet, length), "write", "netlink");
  }

  /** Everything up to the end of the answer; throws the error that the kernel says it is. */
  #receive({ body: { length: bodyLength }, subject }: Request): Answer[] {
    const answers: Answer[] = [];
    const buffer = new Uint8Array(65536);
    for (;;) {
      const count = check(libc.read(this.#fd.number, buffer, buffer.length), "read", "netlink");
      for (let at = 0; at + nlmsghdr.size <= count; ) {
        const message = buffer.slice(at, count);
        const { nlmsg_len, nlmsg_type, nlmsg_seq } = nlmsghdr.unpack(message);
        if (nlmsg_len < nlmsghdr.size) throw new SyscallError("read", EBADMSG, subject);
        at += align(nlmsg_len);
        // Of an earlier request that failed half-way.
        if (nlmsg_seq !== this.#sequence) continue;
        const payload = message.subarray(nlmsghdr.size, nlmsg_len);
        if (nlmsg_type === NLMSG_DONE) return answers;
        if (nlmsg_type === NLMSG_ERROR) {
          const error = new DataView(payload.buffer, payload.byteOffset).getInt32(0, true);
          if (error !== 0) throw new SyscallError("netlink", -error, subject);
          return answers;
        }
        const attributes = unpackAttributes(payload.subarray(align(bodyLength)));
        answers.push({ body: payload.subarray(0, bodyLength), attributes });
      }
    }
  }
}

const EBADMSG = 74;

function packAttribute([type, bytes]: Attribute): Uint8Array {
  const length = nlattr.size + bytes.length;
  const packed = new Uint8Array(length);
  packed.set(nlattr.pack({ nla_len: length, nla_type: type }));
  packed.set(bytes, nlattr.size);
  return packed;
}

function unpackAttributes(bytes: Uint8Array): Map<number, Uint8Array> {
  const attributes = new Map<number, Uint8Array>();
  for (let at = 0; at + nlattr.size <= bytes.length; ) {
    const { nla_len, nla_type } = nlattr.unpack(bytes.slice(at, at + nlattr.size));
    if (nla_len < nlattr.size) break;
    attributes.set(nla_type & ~NLA_F_NESTED, bytes.subarray(at + nlattr.size, at + nla_len));
    at += align(nla_len);
  }
  return attributes;
}
