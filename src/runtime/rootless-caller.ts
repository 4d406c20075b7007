/** Whether the caller has rights over the host. */
import { tryReadSmallFile } from "../sys/small-file.ts";

/** True for another user than root, and for the root of a user namespace that is not the first (`man 7 user_namespaces`). */
export function isRootless(uid: number): boolean {
  if (uid !== 0) return true;
  const map = tryReadSmallFile("/proc/self/uid_map");
  return map !== undefined && !/^\s*0\s+0\s+4294967295\s*$/.test(map);
}
