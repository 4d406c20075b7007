/** `currunt spec`. */
import { posix } from "node:path";
import { writeTemplate } from "../runtime/bundle-template.ts";
import { defineOciCommand } from "./oci-command.ts";

export const spec = defineOciCommand({
  name: "spec",
  usage: ["[flags]"],
  description:
    "Writes a config.json to start a bundle from: a shell in namespaces of its own. Replaces none.",
  examples: [
    {
      command: "mkdir rootfs && currunt spec && currunt run -bundle . demo",
      text: "the first container of a bundle",
    },
  ],
  flags: {
    bundle: { type: "string", short: "b", metavar: "DIR", completes: "directory", help: "where to write it" },
    file: {
      type: "string",
      short: "f",
      metavar: "FILE",
      completes: "file",
      help: "another name than config.json",
    },
    rootless: { type: "boolean", help: "for the user who calls, in a user namespace" },
  },
  positionals: { min: 0, max: 0, names: "nothing" },
  run({ flags }) {
    const path = posix.resolve(flags.bundle ?? ".", flags.file ?? "config.json");
    const user = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
    writeTemplate(path, flags.rootless ? user : undefined);
    return 0;
  },
});
