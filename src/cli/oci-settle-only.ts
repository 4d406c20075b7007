/** The part of the OCI command line that acts on a container that is there: what its commands do not need is not loaded with it. */
import type { OtherDispatch } from "./dispatch.ts";
import { performOci } from "./oci-perform.ts";

const commands = {
  delete: async () => (await import("./oci-delete.ts")).remove,
  kill: async () => (await import("./oci-kill.ts")).kill,
  start: async () => (await import("./oci-start.ts")).start,
  state: async () => (await import("./oci-state.ts")).state,
};

/** As `dispatchOci`; what is no command of this part is left to `whole`. */
export async function dispatchOci(
  argv: readonly string[],
  engine: OtherDispatch,
  whole: OtherDispatch,
): Promise<number> {
  return await performOci(argv, { commands, engine, whole });
}
