/** The entry of the executable: hands the arguments to the command line. */

import { meansOci, sharedName } from "./cli/oci-choice.ts";

const argv = process.argv.slice(2);
const name = sharedName(argv);
if (meansOci(process.argv0, argv) || (name !== undefined && (await isOciContainer(name)))) {
  const { dispatchOci } = await import("./cli/oci-dispatch.ts");
  process.exit(await dispatchOci(argv));
}
if (argv[0] === "remove-ended") {
  const { removeEnded } = await import("./cli/remove-ended.ts");
  process.exit(await removeEnded(argv.slice(1)));
}
const { dispatch } = await import("./cli/dispatch.ts");
process.exit(await dispatch(argv.some((text) => text.includes("\ufffd")) ? await exactArguments() : argv));

/** Asked for commands that both the engine and the OCI runtime have. */
async function isOciContainer(id: string): Promise<boolean> {
  return await (await import("./cli/oci-known.ts")).isOciContainer(id);
}

/** In `process.argv` arguments that are no UTF-8 have lost their bytes. */
async function exactArguments(): Promise<string[]> {
  const { callerArguments } = await import("./cli/environment.ts");
  return await callerArguments(argv.length);
}
