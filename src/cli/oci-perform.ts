/** The OCI runtime's command line: global flags, command, exit code, and where errors go. */
import { CurruntError } from "../base/error.ts";
import type { OtherDispatch } from "./dispatch.ts";
import type { OciCommand, OciGlobals } from "./oci-command.ts";
import { ociGlobalFlags } from "./oci-command.ts";
import { tokenize } from "./tokenize.ts";

/** What a command line is made of. */
export interface OciLine {
  /** By name. */
  readonly commands: Readonly<Record<string, () => Promise<OciCommand>>>;
  /** The engine's command line, which has the help: its code is not loaded before it is needed. */
  readonly engine: OtherDispatch;
  /** The whole command line, of which this is a part; undefined when `commands` are all there are. */
  readonly whole?: OtherDispatch;
}

/** Runs `argv` (without the program's name); resolves to the exit code and never throws. */
export async function performOci(argv: readonly string[], line: OciLine): Promise<number> {
  const { commands, engine, whole } = line;
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
    const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (load === undefined) {
      if (whole !== undefined) return await whole(argv);
      // They mean the same everywhere.
      if (name === "help" || name === "version") return await engine([name, ...rest]);
      throw unknownCommand(name, Object.keys(commands));
    }
    const command = await load();
    failureCode = command.failureCode;
    return await command.perform(globals, rest);
  } catch (error) {
    const { reportOci } = await import("./oci-log.ts");
    return reportOci(error, globals, failureCode);
  }
}

function unknownCommand(name: string, known: readonly string[]): CurruntError {
  return new CurruntError("invalid", `unknown command ${JSON.stringify(name)}`, {
    hint: `OCI commands are ${known.join(", ")}`,
  });
}
