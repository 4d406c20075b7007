/** `currunt state`. */
import { readState, stateDocument, statusOf } from "../runtime/state.ts";
import { defineOciCommand, engineOf, pathsOf } from "./oci-command.ts";
import { printJson } from "./output.ts";

export const state = defineOciCommand({
  name: "state",
  usage: ["CONTAINER"],
  description: "Prints the state of an OCI container as JSON.",
  flags: {},
  positionals: { min: 1, max: 1, names: "the ID of a container" },
  async run({ globals, positionals: [id] }) {
    const [ofEngine] = (await (await engineOf(globals, id))?.ociStates(id)) ?? [];
    if (ofEngine !== undefined) return void (await printJson(ofEngine));
    const paths = pathsOf(globals, id);
    const found = readState(paths);
    await printJson(stateDocument(found, await statusOf(paths, found)));
  },
});
