/** The part of the OCI command line that enters a container: what its commands do not need is not loaded with it. */
import type { OtherDispatch } from "./dispatch.ts";
import { performOci } from "./oci-perform.ts";

const commands = {
  exec: async () => (await import("./oci-exec.ts")).exec,
};

/** As `dispatchOci`; what is no command of this part is left to `whole`. */
export async function dispatchOci(
  argv: readonly string[],
  engine: OtherDispatch,
  whole: OtherDispatch,
): Promise<number> {
  return await performOci(argv, { commands, engine, whole });
}
