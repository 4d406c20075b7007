/** The OCI commands, and how the code of each is loaded. */
import type { OciCommand } from "./oci-command.ts";

/** By name, as runc has them. */
export const ociCommands: Readonly<Record<string, () => Promise<OciCommand>>> = {
  checkpoint: async () => (await import("./oci-checkpoint.ts")).checkpoint,
  create: async () => (await import("./oci-create.ts")).create,
  delete: async () => (await import("./oci-delete.ts")).remove,
  events: async () => (await import("./oci-events.ts")).events,
  exec: async () => (await import("./oci-exec.ts")).exec,
  features: async () => (await import("./oci-features.ts")).features,
  kill: async () => (await import("./oci-kill.ts")).kill,
  list: async () => (await import("./oci-list.ts")).list,
  pause: async () => (await import("./oci-pause.ts")).pause,
  ps: async () => (await import("./oci-ps.ts")).ps,
  restore: async () => (await import("./oci-checkpoint.ts")).restore,
  resume: async () => (await import("./oci-pause.ts")).resume,
  run: async () => (await import("./oci-run.ts")).run,
  spec: async () => (await import("./oci-spec.ts")).spec,
  start: async () => (await import("./oci-start.ts")).start,
  state: async () => (await import("./oci-state.ts")).state,
  update: async () => (await import("./oci-update.ts")).update,
};
