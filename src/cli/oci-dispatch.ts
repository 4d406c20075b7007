/** The OCI runtime's command line: global flags, command, exit code, and where errors go. */
import { CurruntError } from "../base/error.ts";
import type { OciGlobals } from "./oci-command.ts";
import { ociGlobalFlags } from "./oci-command.ts";
import { ociCommands } from "./oci-commands.ts";
import { tokenize } from "./tokenize.ts";

/** Runs `argv` (without the program's name); resolves to the exit code and never throws. */
export async function dispatchOci(argv: readonly string[]): Promise<number> {
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
    if (globals.version) return await showVersion();
    if (name === undefined || globals.help) return await showOverview(name === undefined && !globals.help);
    const load = Object.hasOwn(ociCommands, name) ? ociCommands[name] : undefined;
    if (load === undefined) return await otherCommand(name, rest);
    const command = await load();
    failureCode = command.failureCode;
    return await command.perform(globals, rest);
  } catch (error) {
    const { reportOci } = await import("./oci-log.ts");
    reportOci(error, globals);
    return failureCode;
  }
}

async function showVersion(): Promise<number> {
  const { versionCommand } = await import("./version.ts");
  return await versionCommand.execute([]);
}

async function showOverview(missing: boolean): Promise<number> {
  const helpCommand = await import("./help-command.ts");
  const code = await (missing ? helpCommand.missing : helpCommand.help).execute([]);
  return missing ? 1 : code;
}

/** `help` and `version` mean the same everywhere. */
async function otherCommand(name: string, rest: readonly string[]): Promise<number> {
  const { commands } = await import("./commands.ts");
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry === undefined || !["help", "version"].includes(name)) {
    throw new CurruntError("invalid", `unknown command ${JSON.stringify(name)}`, {
      hint: `OCI commands are ${Object.keys(ociCommands).join(", ")}`,
    });
  }
  return await (await entry.load()).execute(rest);
}
