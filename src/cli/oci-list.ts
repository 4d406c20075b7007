/** `currunt list`. */
import { listStates } from "../runtime/list.ts";
import { defineOciCommand, stateRootOf } from "./oci-command.ts";
import { layOut, print } from "./output.ts";

export const list = defineOciCommand({
  name: "list",
  usage: ["[flags]"],
  description: "Lists the OCI containers of the state root; without -root the other ones, too.",
  flags: {
    format: {
      type: "string",
      short: "f",
      choices: ["table", "json"],
      default: "table",
      help: "form of the output",
    },
    quiet: { type: "boolean", short: "q", help: "show the IDs only" },
  },
  positionals: { min: 0, max: 0, names: "nothing" },
  async run({ globals, flags }) {
    const known = globals.root === undefined ? await import("./oci-known.ts") : undefined;
    const engine = await known?.openEngine();
    const states = [...(await listStates(stateRootOf(globals))), ...((await engine?.ociStates()) ?? [])];
    await print(flags.quiet ? states.map(({ id }) => String(id)).join("\n") : render(states, flags.format));
  },
});

function render(states: Awaited<ReturnType<typeof listStates>>, format: "table" | "json"): string {
  if (format === "json") return JSON.stringify(states);
  const rows = states.map(({ id, pid, status, bundle, created, owner }) => {
    return [id, pid, status, bundle, created, owner].map(String);
  });
  return layOut([["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"], ...rows]);
}
