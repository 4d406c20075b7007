/**
 * What a client hands over to its monitor. The client does all the work of a start: it mounts, compiles and talks to the
 * shim. The monitor only is the parent of what comes out, so it starts fast and stays small.
 */
import type { Roots } from "../base/paths.ts";
import type { Fd } from "../sys/fd.ts";
import type { SpawnOptions } from "../sys/spawn.ts";
import type { ContainerRecord } from "./container.ts";
import type { ProgramEnds } from "./stdio.ts";

/** The first message: start this shim, and be the parent of the container. */
export interface Charge {
  readonly roots: Roots;
  readonly record: Pick<ContainerRecord, "id" | "terminal" | "interactive" | "remove" | "anonymousVolumes">;
  /** The client stays and gets the output. */
  readonly attach: boolean;
}

/** The second message: the program runs. With a terminal, its master comes along. */
export interface Started {
  /** Init, as the host sees it. */
  readonly pid: number;
}

/** The descriptors of a charge, in order. Without a terminal the program's streams and our ends of them come along. */
export interface ChargeDescriptors {
  /** The container's lock, held by the monitor for its life. */
  readonly lock: Fd;
  readonly shim: SpawnOptions;
  readonly ours: ProgramEnds | undefined;
}

/** As they go through the socket. */
export function listDescriptors({ lock, shim, ours }: ChargeDescriptors): Fd[] {
  const { image, socket, stdio } = shim;
  const fds = [lock, image, socket];
  if (stdio === "inherit" || ours === undefined) return fds;
  fds.push(stdio.stdin, stdio.stdout, stdio.stderr, ours.stdout);
  if (ours.stderr !== undefined) fds.push(ours.stderr);
  if (ours.stdin !== undefined) fds.push(ours.stdin);
  return fds;
}

/** As they come out of it. */
export function readDescriptors(fds: readonly Fd[]): ChargeDescriptors {
  const [lock, image, socket, stdin, stdout, stderr, outputEnd, errorEnd, inputEnd] = fds;
  if (lock === undefined || image === undefined || socket === undefined) throw incomplete();
  if (stdin === undefined) return { lock, shim: { image, socket, stdio: "inherit" }, ours: undefined };
  if (stdout === undefined || stderr === undefined || outputEnd === undefined) throw incomplete();
  return {
    lock,
    shim: { image, socket, stdio: { stdin, stdout, stderr } },
    ours: {
      stdout: outputEnd,
      ...(errorEnd === undefined ? {} : { stderr: errorEnd }),
      ...(inputEnd === undefined ? {} : { stdin: inputEnd }),
    },
  };
}

function incomplete(): Error {
  return new Error("unreachable: a charge has all its descriptors");
}
