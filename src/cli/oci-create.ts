/** The OCI runtime's `currunt create`. */
import { createFlags, prepareBundle } from "./oci-bundle.ts";
import { defineOciCommand } from "./oci-command.ts";

export const create = defineOciCommand({
  name: "create",
  usage: ["[flags] CONTAINER"],
  description: "Makes a container from a bundle and leaves it waiting for its start.",
  flags: createFlags,
  positionals: { min: 1, max: 1, names: "an ID for the container" },
  async run({ globals, flags, positionals: [id = ""] }) {
    const options = prepareBundle(globals, flags, { id, detach: true });
    const { makeContainer } = await import("../runtime/container.ts");
    await makeContainer({ ...options, hold: true });
  },
});
