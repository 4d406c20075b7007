/** `currunt save`. */
import { CurruntError } from "../base/error.ts";
import { defineCommand } from "./command.ts";
import { Interruption } from "./interruption.ts";
import { openEngine } from "./open-engine.ts";
import { outputFlag, writing } from "./output-flag.ts";

export const save = defineCommand({
  name: "save",
  usage: ["[flags] IMAGE…"],
  description:
    "Writes images into an archive, with the names that they are given by, for load, docker load, podman load, skopeo or ctr. Layers are as they were when they were built, not compressed, so the images keep their IDs.",
  examples: [
    { command: "currunt save -output images.tar busybox nginx", text: "into a file" },
    { command: "currunt save busybox | ssh host podman load", text: "to another machine" },
    { command: "currunt save -format oci-dir -output ./layout busybox", text: "as an OCI layout" },
  ],
  flags: {
    output: outputFlag,
    format: {
      type: "string",
      choices: ["docker-archive", "oci-archive", "oci-dir"],
      default: "docker-archive",
      help: "docker's archive has an OCI layout in it, too",
    },
    quiet: { type: "boolean", short: "q", help: "show no progress, which there is none of (as in podman)" },
  },
  completes: "image",
  positionals: { min: 1, names: "the name of an image" },
  async run({ flags, positionals }) {
    const { output, format } = flags;
    if (format === "oci-dir" && output === "-") {
      throw new CurruntError("invalid", "save: a directory cannot go to standard output", {
        hint: "name it with -output, or write -format oci-archive",
      });
    }
    const engine = await openEngine(flags);
    using interruption = new Interruption();
    interruption.arm();
    const { signal } = interruption;
    await writing("save", output, () => engine.save(positionals, { format, output, signal }));
    return 0;
  },
});
