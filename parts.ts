/** How the executable's code is divided into files. */
import { basename, join } from "node:path";

/**
 * Modules that are files of their own in the executable, with a copy of what they import: where they are asked for by
 * `import()`, what they need is not part of the caller's file. Each 80 KB that a process does not load are a millisecond.
 */
const paths = [
  "src/cli/dispatch.ts",
  "src/cli/help.ts",
  "src/cli/oci-checkpoint.ts",
  "src/cli/oci-dispatch.ts",
  "src/cli/oci-enter-only.ts",
  "src/cli/oci-events.ts",
  "src/cli/oci-features.ts",
  "src/cli/oci-known.ts",
  "src/cli/oci-list.ts",
  "src/cli/oci-log.ts",
  "src/cli/oci-make-only.ts",
  "src/cli/oci-pause.ts",
  "src/cli/oci-ps.ts",
  "src/cli/oci-settle-only.ts",
  "src/cli/oci-spec.ts",
  "src/cli/oci-update.ts",
  "src/cli/run.ts",
  "src/engine/attach.ts",
  "src/engine/cgroup.ts",
  "src/engine/changes.ts",
  "src/engine/check.ts",
  "src/engine/commit.ts",
  "src/engine/copy.ts",
  "src/engine/disk-usage.ts",
  "src/engine/dry-run.ts",
  "src/engine/exec.ts",
  "src/engine/export.ts",
  "src/engine/image-detail.ts",
  "src/engine/import.ts",
  "src/engine/inspect.ts",
  "src/engine/log.ts",
  "src/engine/prune.ts",
  "src/engine/save.ts",
  "src/engine/shared-layers.ts",
  "src/image/host-snapshot.ts",
  "src/image/load.ts",
  "src/image/login.ts",
  "src/image/pull.ts",
  "src/image/push.ts",
  "src/runtime/cgroup/delegate.ts",
  "src/runtime/cgroup/freeze.ts",
  "src/runtime/cgroup/kill.ts",
  "src/runtime/cgroup/processes.ts",
  "src/runtime/cgroup/stats.ts",
  "src/runtime/cgroup/systemd-create.ts",
  "src/runtime/cgroup/update.ts",
  "src/runtime/delete.ts",
  "src/runtime/explain.ts",
  "src/runtime/hook.ts",
  "src/runtime/label.ts",
  "src/runtime/net-device.ts",
  "src/runtime/notify.ts",
  "src/runtime/rdt.ts",
  "src/runtime/relay.ts",
  "src/runtime/schedule.ts",
  "src/runtime/seccomp-foreseen.ts",
  "src/runtime/seccomp-notify.ts",
  "src/runtime/seccomp-profile.ts",
  "src/runtime/seccomp.ts",
  "src/runtime/shared-mounts.ts",
  "src/runtime/stand-in.ts",
  "src/runtime/unpivoted.ts",
  "src/runtime/user-namespace.ts",
  "src/sys/readiness.ts",
];

/** Their absolute paths. All lie in one folder of the executable, so that each needs a name of its own. */
export const parts: readonly string[] = paths.map((path) => join(import.meta.dir, path));

if (new Set(parts.map((path) => basename(path))).size < parts.length)
  throw new Error("two parts of the executable have the same name");
