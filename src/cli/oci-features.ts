/** `currunt features`. */
import { features as document } from "../runtime/features.ts";
import { defineOciCommand } from "./oci-command.ts";
import { printJson } from "./output.ts";

export const features = defineOciCommand({
  name: "features",
  usage: [""],
  description: "Prints what the OCI runtime can do, as the specification's features document.",
  flags: {},
  positionals: { min: 0, max: 0, names: "nothing" },
  async run() {
    await printJson(document());
  },
});
