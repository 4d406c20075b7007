/** The entry of the executable: hands the arguments to the command line that they are for, each a part of its own. */
import { meansOci } from "./cli/oci-choice.ts";
import { reported } from "./cli/reported.ts";

const argv = process.argv.slice(2);

async function engineCommand(args: readonly string[]): Promise<number> {
  const { dispatch } = await import("./cli/dispatch.ts");
  return await dispatch(args, ociCommand);
}

async function wholeOci(args: readonly string[]): Promise<number> {
  const { dispatchOci } = await import("./cli/oci-dispatch.ts");
  return await dispatchOci(args, engineCommand);
}

/** The word that looks like the command decides which part is loaded. When it is another, that part hands over. */
async function ociCommand(args: readonly string[]): Promise<number> {
  const { dispatchOci } = await loadOci(args.find((text) => ociWords.has(text)));
  return await dispatchOci(args, engineCommand, wholeOci);
}

const ociWords = new Set(["create", "run", "exec", "start", "state", "kill", "delete"]);

async function loadOci(word: string | undefined): Promise<typeof import("./cli/oci-settle-only.ts")> {
  if (word === undefined) return { dispatchOci: wholeOci };
  if (word === "exec") return await import("./cli/oci-enter-only.ts");
  return word === "run" || word === "create"
    ? await import("./cli/oci-make-only.ts")
    : await import("./cli/oci-settle-only.ts");
}

/** What `dispatch` would come to, without its code: this is the command that must be fast. */
async function runCommand(args: readonly string[]): Promise<number> {
  return await reported(args, async () => {
    const { run } = await import("./cli/run.ts");
    return await run.execute(args);
  });
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
