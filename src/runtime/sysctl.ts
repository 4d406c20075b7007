/** Sysctls of a network namespace that is joined: it may be the host's after all. */
import { O_RDONLY } from "../../ffi/kernel.ts";
import { openat } from "../sys/file.ts";
import { statat } from "../sys/stat.ts";
import { refuse } from "./refuse.ts";
import type { Spec } from "./spec.ts";

/** Refuses sysctls of the network for a container that joins the very namespace that we are in. */
export function refuseHostSysctls({ linux }: Spec): void {
  const key = Object.keys(linux?.sysctl ?? {}).find((name) => /^net[./]/.test(name));
  const path = linux?.namespaces?.find(({ type }) => type === "network")?.path ?? "";
  if (key === undefined || path === "" || identity(path) !== identity("/proc/self/ns/net")) return;
  throw refuse(`linux.sysctl.${key}`, `would change the host's: ${JSON.stringify(path)} is its own network`);
}

/** Two files of one namespace have the same (`man 7 namespaces`). */
function identity(path: string): string {
  using file = openat(undefined, path, O_RDONLY);
  const { device, inode } = statat(file, "");
  return `${device} ${inode}`;
}
