/** Descriptors that the caller passes on to the container's program. */
import { CurruntError } from "../base/error.ts";
import { Fd, isOpen } from "../sys/fd.ts";
import type { Spec } from "./spec.ts";

/** As many as one message to the shim can carry beside its own (SCM_MAX_FD). */
const most = 240;

/** The spec with the variables that tell the program of sockets it is passed (`man 3 sd_listen_fds`). */
export function withListening(spec: Spec, environment: Readonly<Record<string, string | undefined>>): Spec {
  const { LISTEN_FDS: count, LISTEN_FDNAMES: names } = environment;
  if (count === undefined || spec.process === undefined) return spec;
  // The program is process 1 of its namespace; the caller's LISTEN_PID means us.
  const variables = [
    `LISTEN_FDS=${count}`,
    "LISTEN_PID=1",
    ...(names === undefined ? [] : [`LISTEN_FDNAMES=${names}`]),
  ];
  return { ...spec, process: { ...spec.process, env: [...(spec.process.env ?? []), ...variables] } };
}

/**
 * Descriptors 3, 4 … of this process: those of systemd's socket activation (`LISTEN_FDS`, `man 3 sd_listen_fds`), then
 * `count` more. Throws when one is not open.
 */
export function passedDescriptors(
  count: number,
  environment: Readonly<Record<string, string | undefined>>,
): Fd[] {
  const listening = Number(environment["LISTEN_FDS"] ?? 0);
  const total = count + (Number.isInteger(listening) && listening > 0 ? listening : 0);
  if (!Number.isInteger(count) || count < 0 || total > most) {
    throw new CurruntError("invalid", `flag -preserve-fds: ${count} is not a number from 0 to ${most}`);
  }
  return Array.from({ length: total }, (_, index) => {
    const fd = new Fd(3 + index);
    if (isOpen(fd)) return fd;
    throw new CurruntError("invalid", `preserve descriptor ${3 + index}: it is not open`);
  });
}
