/** Switches controllers on in the unified tree: each cgroup on the way down must hand them to the next. */
import type { Fd } from "../../sys/fd.ts";
import { openCgroupDirectory, tryReadCgroupFile, tryWriteCgroupFile } from "./file.ts";

/**
 * Hands controllers (undefined: all) down to the cgroup at `path`, as far as those above allow it: a setting that needs
 * a missing one tells. Returns those of `wanted` that it has now.
 */
export function enableControllers(
  mountPoint: string,
  path: string,
  wanted: ReadonlySet<string> | undefined,
): Set<string> {
  using directory = openCgroupDirectory(path);
  using root = openCgroupDirectory(mountPoint);
  const known = words(tryReadCgroupFile(root, "cgroup.controllers"));
  const asked = wanted === undefined ? known : known.filter((name) => wanted.has(name));
  const have = words(tryReadCgroupFile(directory, "cgroup.controllers"));
  const missing = asked.filter((name) => !have.includes(name));
  if (missing.length === 0) return new Set(asked);
  for (let end = mountPoint.length; end !== -1; end = path.indexOf("/", end + 1)) {
    using above = openCgroupDirectory(path.slice(0, end));
    enableIn(above, missing);
  }
  const there = words(tryReadCgroupFile(directory, "cgroup.controllers"));
  return new Set(asked.filter((name) => there.includes(name)));
}

function enableIn(directory: Fd, controllers: readonly string[]): void {
  const file = "cgroup.subtree_control";
  const expected = ["EBUSY", "EACCES", "EPERM", "EINVAL", "ENOENT", "EOPNOTSUPP", "EROFS"] as const;
  const all = controllers.map((name) => `+${name}`);
  if (tryWriteCgroupFile(directory, file, all.join(" "), expected) === undefined) return;
  for (const one of all) tryWriteCgroupFile(directory, file, one, expected);
}

function words(text: string | undefined): string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}
