/** When init can enter its cgroup by itself, so that the cgroup is made while the kernel clones init. */
import { effectiveIds } from "../../sys/process.ts";
import { namespacesOf } from "../namespace.ts";
import type { Spec } from "../spec.ts";
import type { Host } from "./host.ts";

/**
 * With trees of version 1 alone: a task moves itself into one without stopping all others, which the unified tree, for whole processes, cannot
 * do without long waits. Init needs the host's rights for it, and the host's files.
 */
export function mayEnterLate(host: Host, spec: Spec): boolean {
  const namespaces = namespacesOf(spec);
  const seesHost = namespaces.made.includes("mount") && !namespaces.has("user");
  return (
    host.version === 1 && host.trees.every(({ name }) => name !== "") && seesHost && effectiveIds().uid === 0
  );
}
