/** Interfaces of the host's that move into a container (config-linux.md, "Network Devices"). */
import { O_RDONLY } from "../../ffi/kernel.ts";
import { CurruntError, wrap } from "../base/error.ts";
import type { Fd } from "../sys/fd.ts";
import { openat } from "../sys/file.ts";
import type { Link } from "../sys/link.ts";
import { addAddress, listAddresses, listLinks, moveLink, setUp } from "../sys/link.ts";
import { RouteSocket } from "../sys/netlink.ts";
import type { Linux } from "./spec.ts";

/** Moves them into the network namespace of process `pid`, with their permanent addresses, and switches them on there. */
export function moveNetDevices(netDevices: NonNullable<Linux["netDevices"]>, pid: number): void {
  using own = openat(undefined, "/proc/self/ns/net", O_RDONLY);
  using theirs = openat(undefined, `/proc/${pid}/ns/net`, O_RDONLY);
  using outside = new RouteSocket();
  using inside = RouteSocket.within(theirs, own);
  for (const [host, { name = host }] of Object.entries(netDevices)) {
    try {
      move({ outside, inside, namespace: theirs }, host, name);
    } catch (error) {
      throw wrap(error, `linux.netDevices: move "${host}" into the container as "${name}"`);
    }
  }
}

interface Sides {
  readonly outside: RouteSocket;
  readonly inside: RouteSocket;
  readonly namespace: Fd;
}

function move({ outside, inside, namespace }: Sides, host: string, name: string): void {
  const device = linkNamed(outside, host);
  const before = listLinks(inside);
  // Found out too late it would be in the container already, under its old name.
  if (before.some((link) => link.name === name)) {
    throw new CurruntError("exists", "there is an interface of that name in the container");
  }
  const addresses = listAddresses(outside, device);
  setUp(outside, device, false);
  moveLink(outside, device, namespace, name);
  const moved = listLinks(inside).find(({ index }) => !before.some((link) => link.index === index));
  if (moved === undefined) throw new CurruntError("internal", "the interface has not arrived");
  for (const address of addresses) addAddress(inside, moved, address);
  setUp(inside, moved, true);
}

function linkNamed(socket: RouteSocket, name: string): Link {
  const link = listLinks(socket).find((one) => one.name === name);
  if (link === undefined) throw new CurruntError("not-found", "there is no such interface on the host");
  return link;
}
