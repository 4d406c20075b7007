/** Where a mount may go. */
import { posix } from "node:path";
import { CurruntError } from "../base/error.ts";
import type { Mount } from "./spec.ts";

/** Where a mount goes, as an absolute path without "." and ".."; refuses the root, and /proc where it would be a lie. */
export function checkDestination(mount: Mount): string {
  const destination = posix.resolve("/", mount.destination);
  if (destination === "/") {
    throw new CurruntError("invalid", `mount "${mount.destination}": the root itself cannot be a mountpoint`);
  }
  const inProc = destination.startsWith("/proc/");
  const isProc = destination === "/proc" && (mount.type === "proc" || mount.source === "/proc");
  if (
    (destination === "/proc" && !isProc) ||
    (inProc && !coverable.has(destination.slice("/proc/".length)))
  ) {
    throw new CurruntError("invalid", `mount "${destination}": /proc can only be a proc filesystem`, {
      hint: "what a container reads and writes in /proc decides about its confinement (CVE-2019-16884)",
    });
  }
  return destination;
}

/** Files of /proc that tools like lxcfs replace, and that confine nothing. */
const coverable = new Set([
  ...["cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo"],
  ...["sys/kernel/ns_last_pid", "sys/crypto/fips_enabled"],
]);
