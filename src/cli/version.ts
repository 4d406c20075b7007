/** `currunt version`: three lines that dockerd and people can read. */
import { commit, version } from "../base/version.ts";
import { defineCommand } from "./command.ts";
import { print, printJson } from "./output.ts";

/** Version of the OCI runtime specification that the runtime follows. */
const specVersion = "1.3.0";

export const versionCommand = defineCommand({
  name: "version",
  usage: ["[flags]"],
  description:
    "Shows the version, the commit it was built from and the version of the OCI runtime specification.",
  examples: [{ command: "currunt version -format json", text: "for programs" }],
  flags: {
    format: {
      type: "string",
      choices: ["text", "json"],
      default: "text",
      short: "f",
      help: "form of the output",
    },
  },
  positionals: { max: 0, names: "nothing" },
  async run({ flags }) {
    if (flags.format === "json") await printJson({ version, commit, spec: specVersion });
    else await print(`currunt version ${version}\ncommit: ${commit}\nspec: ${specVersion}`);
    return 0;
  },
});
