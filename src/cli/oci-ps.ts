/** The OCI runtime's `currunt ps`. */
import { CurruntError } from "../base/error.ts";
import { processesOf } from "../runtime/container-cgroup.ts";
import { readState } from "../runtime/state.ts";
import type { OciGlobals } from "./oci-command.ts";
import { defineOciCommand, engineOf, pathsOf } from "./oci-command.ts";
import { print } from "./output.ts";

export const ps = defineOciCommand({
  name: "ps",
  usage: ["[flags] CONTAINER [PS-OPTION…]"],
  description: "Lists the processes of a container: their IDs as JSON, or what the host's ps says of them.",
  flags: {
    format: {
      type: "string",
      short: "f",
      choices: ["table", "json"],
      default: "table",
      help: "form of the output",
    },
  },
  positionals: { min: 1, names: "the ID of a container" },
  stopAtPositional: true,
  async run({ globals, flags, positionals: [id, ...options] }) {
    const pids = await processesIn(globals, id);
    await print(
      flags.format === "json" ? JSON.stringify(pids) : table(options.length === 0 ? ["-ef"] : options, pids),
    );
  },
});

/** The same by docker's name. */
export const top = defineOciCommand({
  name: "top",
  usage: ["CONTAINER [PS-OPTION…]"],
  description: "Shows what the host's ps says of the processes of a container.",
  flags: {},
  positionals: { min: 1, names: "the name or ID of a container" },
  stopAtPositional: true,
  async run({ globals, positionals: [id, ...options] }) {
    await print(table(options.length === 0 ? ["-ef"] : options, await processesIn(globals, id)));
  },
});

async function processesIn(globals: OciGlobals, id = ""): Promise<number[]> {
  const engine = await engineOf(globals, id);
  return engine === undefined
    ? await processesOf(readState(pathsOf(globals, id)))
    : await engine.processes(id);
}

/** The head of what ps prints, and the lines of these processes. */
function table(options: readonly string[], pids: readonly number[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["ps", ...options]);
  if (exitCode !== 0)
    throw new CurruntError("invalid", `ps ${options.join(" ")}: ${stderr.toString().trim()}`);
  const [head = "", ...lines] = stdout.toString().trimEnd().split("\n");
  const column = head.trim().split(/\s+/).indexOf("PID");
  if (column === -1) throw new CurruntError("invalid", `ps ${options.join(" ")}: it prints no column PID`);
  const known = new Set(pids.map(String));
  return [head, ...lines.filter((line) => known.has(line.trim().split(/\s+/)[column] ?? ""))].join("\n");
}
