/** The OCI runtime's `currunt run`. */
import { createFlags, foregroundOptions, prepareBundle } from "./oci-bundle.ts";
import { defineOciCommand } from "./oci-command.ts";

export const run = defineOciCommand({
  name: "run",
  usage: ["[flags] CONTAINER"],
  description:
    "Makes a container from a bundle and runs its program. In the foreground, it ends with the program's exit code, and the container is removed.",
  flags: {
    ...createFlags,
    detach: { type: "boolean", short: "d", help: "leave it in the background" },
    keep: { type: "boolean", help: "do not remove the container when its program has ended" },
  },
  positionals: { min: 1, max: 1, names: "an ID for the container" },
  async run({ globals, flags, positionals: [id = ""] }) {
    const options = prepareBundle(globals, flags, { id, detach: flags.detach });
    const { runDetached, runForeground } = await import("../runtime/foreground.ts");
    if (!flags.detach) return await runForeground(options, foregroundOptions(globals, flags, id));
    await runDetached(options);
    return 0;
  },
});
