/** The OCI runtime's `currunt kill`. */
import { killContainer } from "../runtime/kill.ts";
import { readState } from "../runtime/state.ts";
import { defineOciCommand, engineOf, pathsOf } from "./oci-command.ts";
import { parseSignal } from "./signal.ts";

export const kill = defineOciCommand({
  name: "kill",
  usage: ["[flags] CONTAINER [SIGNAL]"],
  description: "Sends a signal, TERM unless given, to the init of a container.",
  flags: {
    all: { type: "boolean", short: "a", help: "a container that has ended is no error" },
  },
  positionals: { min: 1, max: 2, names: "the ID of a container and a signal" },
  async run({ globals, flags, positionals: [id, signal = "TERM"] }) {
    const number = parseSignal(signal, "SIGNAL");
    const engine = await engineOf(globals, id);
    if (engine !== undefined) return void (await engine.kill(id ?? "", number));
    await killContainer(readState(pathsOf(globals, id)), number, { all: flags.all });
  },
});
