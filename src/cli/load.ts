/** `currunt load`. */
import { isatty } from "node:tty";
import { CurruntError } from "../base/error.ts";
import { defineCommand } from "./command.ts";
import { openEngine } from "./open-engine.ts";
import { print } from "./output.ts";
import { layerFormatFlag, progressFlag, pullWatch } from "./pull-watch.ts";
import { platformOf } from "./run-options.ts";

export const load = defineCommand({
  name: "load",
  usage: ["[flags] [-input FILE|-]", "[flags] FILE|DIRECTORY"],
  description:
    "Takes the images of an archive in, and prints their names. It reads what save, docker save, podman save and skopeo write: docker archives and OCI layouts, as a directory, a tar file or from standard input, plain or compressed with gzip or zstd.",
  examples: [
    { command: "currunt load -input images.tar.gz", text: "from a file" },
    { command: "podman save busybox | currunt load", text: "from another tool" },
    { command: "currunt load ./layout", text: "from an OCI layout" },
  ],
  flags: {
    input: {
      type: "string",
      short: "i",
      metavar: "FILE",
      completes: "file",
      help: 'the archive or directory; "-", the default, is standard input',
    },
    platform: {
      type: "string",
      metavar: "OS/ARCH[/VARIANT]",
      help: "platform to choose from images for several; this machine's unless given",
    },
    quiet: { type: "boolean", short: "q", help: "show no progress" },
    progress: progressFlag,
    "layer-format": layerFormatFlag,
  },
  positionals: { max: 1, names: "one archive or directory" },
  async run({ flags, positionals: [positional] }) {
    if (flags.input !== undefined && positional !== undefined) {
      throw new CurruntError("invalid", `load: ${JSON.stringify(positional)} and -input name two archives`);
    }
    const path = flags.input ?? positional ?? "-";
    if (path === "-" && isatty(0)) {
      throw new CurruntError("invalid", "load: standard input is a terminal", {
        hint: 'name an archive with -input, or pipe one in: "podman save IMAGE | currunt load"',
      });
    }
    const options = {
      quiet: flags.quiet,
      layerFormat: flags["layer-format"],
      ...(flags.platform === undefined ? {} : { platform: platformOf(flags.platform) }),
    };
    const engine = await openEngine(flags);
    for (const { id, references } of await pullWatch(flags, (watch) => engine.load(path, options, watch))) {
      const names = references.map((reference) => `Loaded image: ${reference}`);
      await print(names.length === 0 ? `Loaded image ID: ${id}` : names.join("\n"));
    }
    return 0;
  },
});
