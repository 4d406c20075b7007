/** What an OCI command is: runc's flags and words, with the state root and the log of its global flags. */
import { posix } from "node:path";
import { CurruntError } from "../base/error.ts";
import type { Engine } from "../engine/engine.ts";
import { hasState } from "../runtime/state.ts";
import type { StatePaths } from "../runtime/state-root.ts";
import { defaultStateRoot, statePaths } from "../runtime/state-root.ts";
import type { Command } from "./command.ts";
import type { FlagTable, Values } from "./flag.ts";
import { flags } from "./flag.ts";
import { tokenize } from "./tokenize.ts";

/** Flags of every OCI command, before its name. */
export const ociGlobalFlags = flags({
  root: {
    type: "string",
    metavar: "DIR",
    completes: "directory",
    group: "Global",
    help: "where the states of OCI containers are kept; /run/currunt-oci unless given",
  },
  log: {
    type: "string",
    metavar: "FILE",
    completes: "file",
    group: "Global",
    help: "append errors to a file, too",
  },
  "log-format": {
    type: "string",
    choices: ["text", "json"],
    default: "text",
    group: "Global",
    help: "how errors are written to the log",
  },
  "log-level": { type: "string", metavar: "LEVEL", group: "Global", help: "accepted for crun's sake" },
  criu: { type: "string", metavar: "PATH", group: "Global", help: "accepted for older callers' sake" },
  debug: { type: "boolean", group: "Global", help: "show where an error comes from" },
  "systemd-cgroup": { type: "boolean", group: "Global", help: "have systemd make the cgroups" },
  "cgroup-manager": {
    type: "string",
    choices: ["cgroupfs", "systemd", "disabled"],
    group: "Global",
    metavar: "NAME",
    help: "what makes the cgroups: cgroupfs, systemd, disabled",
  },
  rootless: {
    type: "string",
    choices: ["true", "false", "auto"],
    default: "auto",
    group: "Global",
    help: "whether cgroups that cannot be changed are no error",
  },
  help: { type: "boolean", short: "h", group: "Global", help: "show this help" },
  version: { type: "boolean", short: "v", group: "Global", help: "show the version" },
});

/** The values of the global flags. */
export type OciGlobals = Values<typeof ociGlobalFlags>;

/** What a command's code is given. */
export interface OciInvocation<T extends FlagTable> {
  readonly globals: OciGlobals;
  readonly flags: Values<T>;
  /** The flags that stood on the command line itself. */
  readonly given: ReadonlySet<string>;
  readonly positionals: readonly string[];
}

/** A command that is run with the global flags that stood before it. */
export interface OciCommand extends Command {
  /** Exit code of a failure of ours. */
  readonly failureCode: number;
  /** Throws what went wrong; resolves to the exit code. */
  perform(globals: OciGlobals, argv: readonly string[]): Promise<number>;
}

interface Definition<T extends FlagTable> {
  readonly name: string;
  readonly usage: readonly string[];
  readonly description: string;
  readonly examples?: Command["examples"];
  readonly flags: T;
  /** How many positionals there must be. */
  readonly positionals: { readonly min: number; readonly max?: number; readonly names: string };
  /** The first positional ends the flags. */
  readonly stopAtPositional?: true;
  readonly failureCode?: number;
  run(invocation: OciInvocation<T>): Promise<number | undefined> | number | undefined;
}

/** A command from its table and its code. */
export function defineOciCommand<const T extends FlagTable>(definition: Definition<T>): OciCommand {
  const { name, usage, description, examples = [], failureCode = 1, stopAtPositional = false } = definition;
  const table = { ...definition.flags, help: ociGlobalFlags.help };
  const command: OciCommand = {
    name,
    usage,
    description,
    examples,
    flags: { ...definition.flags, ...ociGlobalFlags },
    failureCode,
    async execute(argv) {
      const { values } = tokenize(ociGlobalFlags, [], { stopAtPositional: true, environment: {}, help: "" });
      return await command.perform(values, argv);
    },
    async perform(globals, argv) {
      const parsed = tokenize(table, argv, {
        stopAtPositional,
        environment: {},
        help: `currunt help ${name}`,
      });
      if (parsed.values.help) return showHelp(command);
      checkCount(definition, parsed.positionals.length);
      const { given, positionals } = parsed;
      // The table has one flag more than the command knows of.
      return (await definition.run({ globals, flags: parsed.values as Values<T>, given, positionals })) ?? 0;
    },
  };
  return command;
}

async function showHelp(command: Command): Promise<number> {
  const [{ renderHelp }, { print }] = await Promise.all([import("./help.ts"), import("./output.ts")]);
  await print(renderHelp(command));
  return 0;
}

function checkCount({ name, positionals, usage }: Definition<FlagTable>, count: number): void {
  const { min, max = Number.POSITIVE_INFINITY, names } = positionals;
  if (count >= min && count <= max) return;
  throw new CurruntError("invalid", `${name}: needs ${names}, got ${count} arguments`, {
    hint: `usage: currunt ${name} ${usage[0] ?? ""}`.trimEnd(),
  });
}

/** The state root that the global flags choose; absolute. */
export function stateRootOf({ root }: Pick<OciGlobals, "root">): string {
  return root === undefined
    ? defaultStateRoot({ uid: process.geteuid?.() ?? 0, environment: process.env })
    : posix.resolve(root);
}

/** Where the state of container `id` lies. */
export function pathsOf(globals: Pick<OciGlobals, "root">, id = ""): StatePaths {
  return statePaths(stateRootOf(globals), id);
}

/** The engine, when `id` is one of its containers and not one of the state root's. With `-root` only that is meant. */
export async function engineOf(globals: OciGlobals, id = ""): Promise<Engine | undefined> {
  if (globals.root !== undefined || hasState(stateRootOf(globals), id)) return undefined;
  return await (await import("./oci-known.ts")).engineWith(id);
}
