/** What covers the paths that a container shall not see. */
import type { Slot } from "../../ffi/plan.ts";
import type { Draft } from "./draft.ts";
import { makeReadonly } from "./mount.ts";
import type { Spec } from "./spec.ts";

/**
 * A read-only filesystem with a null device and an empty directory, which cover what is masked. It lies over the host's
 * /dev, since only what is mounted somewhere can be bound, and goes with it. Nobody else ever sees it (CVE-2025-31133).
 */
export function makeMasks(draft: Draft, spec: Spec, devices: Slot): Slot | undefined {
  if ((spec.linux?.maskedPaths ?? []).length === 0) return undefined;
  const slot = draft.open((slot) => ({
    op: "filesystem",
    slot,
    type: "tmpfs",
    options: [["mode", "755"]],
    attributes: ["nosuid", "noexec"],
  }));
  const host = { slot: devices, path: "null" };
  const numbers = { major: 1, minor: 3, mode: 0o666, uid: 0, gid: 0 };
  draft.add(
    { op: "cover", slot, path: "/dev" },
    { op: "device", root: slot, path: "/null", type: "c", ...numbers, host },
    { op: "directory", root: slot, path: "/empty", mode: 0o755 },
    makeReadonly(slot),
  );
  return slot;
}
