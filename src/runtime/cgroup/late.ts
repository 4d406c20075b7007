/** When a cgroup can be completed while the kernel clones init. */
import { effectiveIds } from "../../sys/process.ts";
import { namespacesOf } from "../namespace.ts";
import type { Spec } from "../spec.ts";

/**
 * Init enters the trees of version 1 by itself: a task moves itself without stopping all others. For that it needs the host's rights and
 * the host's files.
 */
export function mayEnterLate(spec: Spec): boolean {
  const namespaces = namespacesOf(spec);
  return namespaces.made.includes("mount") && !namespaces.has("user") && effectiveIds().uid === 0;
}
