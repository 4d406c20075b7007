/** The relay between a program that tells systemd when it is ready, and the caller's systemd (`man 3 sd_notify`). */

import { nextPacket, receiveAt, sendPacket } from "../sys/datagram.ts";
import { chmodShared, makeDirectories } from "../sys/directory.ts";
import type { Fd } from "../sys/fd.ts";
import { Watch } from "../sys/readiness.ts";
import { receiveWithDescriptors } from "../sys/rights.ts";
import type { Spec } from "./spec.ts";
import type { StatePaths } from "./state-root.ts";

/** Where the container finds the socket, as with runc. */
const inside = "/run/notify";
const name = "notify.sock";

/** The spec with the socket's directory mounted, which `relayReadiness` fills, and its path as NOTIFY_SOCKET. */
export function withNotify(spec: Spec, paths: StatePaths): Spec {
  if (spec.process === undefined) return spec;
  const env = [...(spec.process.env ?? []), `NOTIFY_SOCKET=${inside}/${name}`];
  const mount = {
    destination: inside,
    source: directoryOf(paths),
    type: "bind",
    options: ["bind", "nosuid", "noexec", "nodev", "ro"],
  };
  return { ...spec, process: { ...spec.process, env }, mounts: [...(spec.mounts ?? []), mount] };
}

/** Makes the directory that `withNotify` mounts. */
export function makeNotifyDirectory(paths: StatePaths): void {
  makeDirectories(directoryOf(paths), 0o755);
}

function directoryOf({ directory }: StatePaths): string {
  return `${directory}/notify`;
}

/** Listens for the program, which must not run yet. */
export function listenForReadiness(paths: StatePaths): Fd {
  const socket = receiveAt(directoryOf(paths), name);
  // The program's user need not be ours.
  chmodShared(`${directoryOf(paths)}/${name}`);
  return socket;
}

/** As `relayReadiness`, without blocking: for a caller that stays with the program. Disposing ends it. */
export function watchReadiness(socket: Fd, host: string, pid: number): Disposable {
  const watch = new Watch(socket, {
    readable: () => {
      const { bytes } = receiveWithDescriptors(socket, 4096);
      if (!tellsReady(Buffer.from(bytes))) return;
      watch.reading = false;
      tellReady(host, pid);
    },
  });
  watch.reading = true;
  return watch;
}

function tellsReady(packet: Buffer): boolean {
  return packet
    .toString()
    .split("\n")
    .some((line) => line.startsWith("READY="));
}

function tellReady(host: string, pid: number): void {
  sendPacket(host, Buffer.from(`READY=1\nMAINPID=${pid}\n`));
}

/** Waits until the program is ready, and tells the host's socket so, with our idea of its pid. Gives up when it ends. */
export function relayReadiness(
  socket: Fd,
  host: string,
  init: { readonly pid: number; readonly pidfd: Fd },
): void {
  for (
    let packet = nextPacket(socket, init.pidfd);
    packet !== undefined;
    packet = nextPacket(socket, init.pidfd)
  ) {
    if (!tellsReady(packet)) continue;
    tellReady(host, init.pid);
    return;
  }
}
