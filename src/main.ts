/** The entry of the executable: hands the arguments to one of its two command lines, each of which is a file of its own. */
import { meansOci } from "./cli/oci-choice.ts";

const argv = process.argv.slice(2);

async function engineCommand(args: readonly string[]): Promise<number> {
  const { dispatch } = await import("./cli/dispatch.ts");
  return await dispatch(args, ociCommand);
}

async function ociCommand(args: readonly string[]): Promise<number> {
  const { dispatchOci } = await import("./cli/oci-dispatch.ts");
  return await dispatchOci(args, engineCommand);
}

process.exit(await (meansOci(process.argv0, argv) ? ociCommand(argv) : engineCommand(argv)));
