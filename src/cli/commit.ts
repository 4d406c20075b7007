/** `currunt commit`. */
import { defineCommand } from "./command.ts";
import { changeFlag, parseChange } from "./config-change.ts";
import { openEngine } from "./open-engine.ts";
import { print, printable, tell } from "./output.ts";
import { layerFormatFlag } from "./pull-watch.ts";

export const commit = defineCommand({
  name: "commit",
  usage: ["[flags] CONTAINER [NAME[:TAG]]"],
  description:
    "Makes an image of a container, and prints its ID: the image that it was made from, how it was run, and a layer of what it has changed. What is mounted in it is no part of that. The container may run meanwhile; without -pause, what its programs write at that very time may be half in it.",
  examples: [
    { command: "currunt commit web my-web:2", text: "with a name" },
    {
      command: `currunt commit -change 'CMD ["nginx"]' -change "ENV DEBUG=1" web debug-web`,
      text: "with other settings",
    },
  ],
  flags: {
    change: changeFlag,
    author: { type: "string", short: "a", metavar: "NAME", help: "who made it" },
    message: { type: "string", short: "m", metavar: "TEXT", help: "what for; stands in the image's history" },
    pause: {
      type: "boolean",
      short: "p",
      help: "have its programs stand still meanwhile, so that nothing is half written",
    },
    "layer-format": layerFormatFlag,
  },
  completes: "container",
  positionals: { min: 1, max: 2, names: "the name of a container, and one for the image" },
  async run({ flags, positionals: [name = "", reference] }) {
    const { author, message } = flags;
    const options = {
      changes: flags.change.map(parseChange),
      pause: flags.pause,
      layerFormat: flags["layer-format"],
      ...(reference === undefined ? {} : { reference }),
      ...(author === undefined ? {} : { author }),
      ...(message === undefined ? {} : { message }),
    };
    const engine = await openEngine(flags);
    const onWarning = (text: string) => tell(printable(`warning: ${text}`));
    await print(await engine.commit(name, options, { onWarning }));
    return 0;
  },
});
