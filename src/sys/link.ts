/** Network interfaces and their addresses, in the namespace of a RouteSocket. */
import {
  IFA_ADDRESS,
  IFA_BROADCAST,
  IFA_F_PERMANENT,
  IFA_FLAGS,
  IFA_LOCAL,
  IFF_UP,
  IFLA_IFNAME,
  IFLA_NET_NS_FD,
  ifaddrmsg,
  ifinfomsg,
  RT_SCOPE_UNIVERSE,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_NEWADDR,
  RTM_NEWLINK,
} from "../../ffi/kernel.ts";
import type { Fd } from "./fd.ts";
import type { Answer, Attribute, RouteSocket } from "./netlink.ts";

export interface Link {
  readonly index: number;
  readonly name: string;
}

/** An address as the kernel tells it, to be given to another interface. */
export interface Address {
  readonly family: number;
  readonly prefixLength: number;
  readonly attributes: readonly Attribute[];
}

/** All interfaces. */
export function listLinks(socket: RouteSocket): Link[] {
  const answers = socket.list({ type: RTM_GETLINK, body: ifinfomsg.pack({}), subject: "RTM_GETLINK" });
  return answers.map(({ body, attributes }) => {
    const name = Buffer.from(attributes.get(IFLA_IFNAME) ?? []).toString();
    return { index: ifinfomsg.unpack(body.slice()).ifi_index, name: name.replace(/\0.*$/s, "") };
  });
}

/** The addresses of an interface that stay when it is moved: those that are set by hand, and valid everywhere. */
export function listAddresses(socket: RouteSocket, { index, name }: Link): Address[] {
  const subject = `RTM_GETADDR ${name}`;
  const answers = socket.list({ type: RTM_GETADDR, body: ifaddrmsg.pack({}), subject });
  return answers.flatMap((answer) => addressOf(answer, index) ?? []);
}

function addressOf({ body, attributes }: Answer, index: number): Address | undefined {
  const message = ifaddrmsg.unpack(body.slice());
  const flags = attributes.get(IFA_FLAGS);
  const all =
    flags === undefined ? message.ifa_flags : new DataView(flags.buffer, flags.byteOffset).getUint32(0, true);
  const wanted =
    message.ifa_index === index && message.ifa_scope === RT_SCOPE_UNIVERSE && (all & IFA_F_PERMANENT) !== 0;
  if (!wanted) return undefined;
  const kept = [IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST].flatMap((type): Attribute[] => {
    const bytes = attributes.get(type);
    return bytes === undefined ? [] : [[type, bytes]];
  });
  return { family: message.ifa_family, prefixLength: message.ifa_prefixlen, attributes: kept };
}

/** Gives an interface an address. */
export function addAddress(socket: RouteSocket, { index, name }: Link, address: Address): void {
  const { family: ifa_family, prefixLength: ifa_prefixlen, attributes } = address;
  const body = ifaddrmsg.pack({ ifa_family, ifa_prefixlen, ifa_scope: RT_SCOPE_UNIVERSE, ifa_index: index });
  socket.change({ type: RTM_NEWADDR, body, attributes, subject: `RTM_NEWADDR ${name}` });
}

/** Switches an interface on or off. */
export function setUp(socket: RouteSocket, { index, name }: Link, up: boolean): void {
  const body = ifinfomsg.pack({ ifi_index: index, ifi_flags: up ? IFF_UP : 0, ifi_change: IFF_UP });
  socket.change({ type: RTM_NEWLINK, body, subject: `RTM_NEWLINK ${name}` });
}

/** Moves an interface, which is off, into another network namespace under a name that may be a template: "eth%d". */
export function moveLink(socket: RouteSocket, { index, name }: Link, namespace: Fd, newName: string): void {
  const attributes: Attribute[] = [
    [IFLA_NET_NS_FD, new Uint8Array(new Int32Array([namespace.number]).buffer)],
    [IFLA_IFNAME, Buffer.from(`${newName}\0`)],
  ];
  const body = ifinfomsg.pack({ ifi_index: index });
  socket.change({ type: RTM_NEWLINK, body, attributes, subject: `RTM_NEWLINK ${name}` });
}
