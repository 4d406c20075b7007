/** The part of the OCI command line that makes containers: what its commands do not need is not loaded with it. */
import type { OtherDispatch } from "./dispatch.ts";
import { performOci } from "./oci-perform.ts";

const commands = {
  create: async () => (await import("./oci-create.ts")).create,
  run: async () => (await import("./oci-run.ts")).run,
};

/** As `dispatchOci`; what is no command of this part is left to `whole`. */
export async function dispatchOci(
  argv: readonly string[],
  engine: OtherDispatch,
  whole: OtherDispatch,
): Promise<number> {
  return await performOci(argv, { commands, engine, whole });
}
