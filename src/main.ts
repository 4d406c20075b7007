/** The entry of the executable: hands the arguments to the command line that they are for, each a part of its own. */
import { meansOci } from "./cli/oci-choice.ts";
import { perform } from "./cli/perform.ts";

const argv = process.argv.slice(2);

async function engineCommand(args: readonly string[]): Promise<number> {
  const { dispatch } = await import("./cli/dispatch.ts");
  return await dispatch(args, ociCommand);
}

async function ociCommand(args: readonly string[]): Promise<number> {
  const { dispatchOci } = await import("./cli/oci-dispatch.ts");
  return await dispatchOci(args, engineCommand);
}

/** What `dispatch` would come to, without its code: this is the command that must be fast. */
async function runCommand(args: readonly string[]): Promise<number> {
  return await perform(async () => (await import("./cli/run.ts")).run, args);
}

async function main(): Promise<number> {
  if (meansOci(process.argv0, argv)) return await ociCommand(argv);
  // An argument that is no UTF-8 has lost its bytes: dispatch() gets them.
  if (argv[0] === "run" && !argv.some((text) => text.includes("\ufffd"))) {
    return await runCommand(argv.slice(1));
  }
  return await engineCommand(argv);
}

process.exit(await main());
