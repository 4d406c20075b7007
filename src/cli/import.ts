/** `currunt import`. */
import { defineCommand } from "./command.ts";
import { changeFlag, parseChange } from "./config-change.ts";
import { openEngine } from "./open-engine.ts";
import { print } from "./output.ts";
import { layerFormatFlag, progressFlag, pullWatch } from "./pull-watch.ts";
import { platformOf } from "./run-options.ts";

export const importCommand = defineCommand({
  name: "import",
  usage: ["[flags] FILE|URL|- [NAME[:TAG]]"],
  description:
    "Makes an image of a file system's tar archive, plain or compressed with gzip or zstd, and prints its ID. What it runs and how is for -change to say.",
  examples: [
    { command: "currunt import rootfs.tar.gz my-system:1", text: "from a file" },
    {
      command: `tar -C ./rootfs -c . | currunt import -change 'CMD ["sh"]' - my-system`,
      text: "from a directory, with a command",
    },
  ],
  flags: {
    change: changeFlag,
    message: { type: "string", short: "m", metavar: "TEXT", help: "what for; stands in the image's history" },
    platform: {
      type: "string",
      metavar: "OS/ARCH[/VARIANT]",
      help: "what the files are for; this machine's unless given",
    },
    quiet: { type: "boolean", short: "q", help: "show no progress" },
    progress: progressFlag,
    "layer-format": layerFormatFlag,
  },
  positionals: { min: 1, max: 2, names: "an archive, and a name for the image" },
  async run({ flags, positionals: [input = "", reference] }) {
    const { message, platform } = flags;
    const options = {
      changes: flags.change.map(parseChange),
      layerFormat: flags["layer-format"],
      ...(reference === undefined ? {} : { reference }),
      ...(message === undefined ? {} : { message }),
      ...(platform === undefined ? {} : { platform: platformOf(platform) }),
    };
    const engine = await openEngine(flags);
    await print(await pullWatch(flags, (watch) => engine.import(input, options, watch)));
    return 0;
  },
});
