/** `currunt delete`. */
import { deleteContainer } from "../runtime/delete.ts";
import { defineOciCommand, engineOf, pathsOf } from "./oci-command.ts";
import { warnOci } from "./oci-log.ts";

export const remove = defineOciCommand({
  name: "delete",
  usage: ["[flags] CONTAINER"],
  description: "Removes an OCI container that has ended.",
  flags: {
    force: {
      type: "boolean",
      short: "f",
      help: "end a container first that has not ended; none at all is no error",
    },
  },
  positionals: { min: 1, max: 1, names: "the ID of a container" },
  async run({ globals, flags, positionals: [id] }) {
    const engine = await engineOf(globals, id);
    if (engine !== undefined)
      return void (await engine.remove(id ?? "", { force: flags.force, volumes: true }));
    const warnings = await deleteContainer(pathsOf(globals, id), { force: flags.force });
    for (const warning of warnings) warnOci(warning, globals);
  },
});
