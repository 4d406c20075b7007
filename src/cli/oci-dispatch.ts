/** The OCI runtime's whole command line. */
import type { OtherDispatch } from "./dispatch.ts";
import { ociCommands } from "./oci-commands.ts";
import { performOci } from "./oci-perform.ts";

/** Runs `argv` (without the program's name); resolves to the exit code and never throws. */
export async function dispatchOci(argv: readonly string[], engine: OtherDispatch): Promise<number> {
  return await performOci(argv, { commands: ociCommands, engine });
}
