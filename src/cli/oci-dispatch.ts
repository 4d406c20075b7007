/** The OCI runtime's command line: global flags, command, exit code, and where errors go. */
import { CurruntError } from "../base/error.ts";
import type { OtherDispatch } from "./dispatch.ts";
import type { OciGlobals } from "./oci-command.ts";
import { ociGlobalFlags } from "./oci-command.ts";
import { ociCommands } from "./oci-commands.ts";
import { tokenize } from "./tokenize.ts";

/**
 * Runs `argv` (without the program's name); resolves to the exit code and never throws. `engine` is the other command line,
 * which has the help: its code is not loaded before it is needed.
 */
export async function dispatchOci(argv: readonly string[], engine: OtherDispatch): Promise<number> {
  let globals: OciGlobals | undefined;
  let failureCode = 1;
  try {
    const parsed = tokenize(ociGlobalFlags, argv, {
      stopAtPositional: true,
      environment: {},
      help: "currunt help",
    });
    globals = parsed.values;
    const [name, ...rest] = parsed.positionals;
    if (globals.version) return await engine(["version"]);
    if (name === undefined || globals.help)
      return (await engine(globals.help ? ["--help"] : [])) === 0 ? 0 : 1;
    const load = Object.hasOwn(ociCommands, name) ? ociCommands[name] : undefined;
    if (load === undefined) {
      // They mean the same everywhere.
      if (name === "help" || name === "version") return await engine([name, ...rest]);
      throw unknownCommand(name);
    }
    const command = await load();
    failureCode = command.failureCode;
    return await command.perform(globals, rest);
  } catch (error) {
    const { reportOci } = await import("./oci-log.ts");
    reportOci(error, globals);
    return failureCode;
  }
}

function unknownCommand(name: string): CurruntError {
  return new CurruntError("invalid", `unknown command ${JSON.stringify(name)}`, {
    hint: `OCI commands are ${Object.keys(ociCommands).join(", ")}`,
  });
}
