/** What has to go before a container's root is made the root without pivoting. */
import { CurruntError } from "../base/error.ts";
import { readMounts } from "../sys/mountinfo.ts";
import type { Spec } from "./spec.ts";

/**
 * Mount points of the host's whole proc and sysfs: as long as a process has one in sight, the kernel lets it mount another,
 * without what is masked (`man 7 user_namespaces`). Refuses what needs a pivot.
 */
export function reachableMounts({ linux }: Spec): string[] {
  const propagation = linux?.rootfsPropagation ?? "";
  if (propagation === "private" || propagation === "rprivate") {
    throw new CurruntError("invalid", `linux.rootfsPropagation: "${propagation}" does not go with -no-pivot`);
  }
  return readMounts()
    .filter(({ type }) => type === "proc" || type === "sysfs")
    .map(({ mountPoint }) => mountPoint.toString());
}
