/** `currunt push`. */
import { defineCommand } from "./command.ts";
import { Interruption } from "./interruption.ts";
import { openEngine } from "./open-engine.ts";
import { print } from "./output.ts";
import { pushListener, pushProgressFlag } from "./push-watch.ts";
import { accessOf, credentialFlag, registryFlags } from "./registry-flags.ts";

export const push = defineCommand({
  name: "push",
  usage: ["[flags] IMAGE [DESTINATION]"],
  description:
    "Sends an image to a registry, and prints the digest that it has there. Layers that the registry has already, or can take from another of its repositories, are not sent. The image's ID stays what it is.",
  examples: [
    { command: "currunt push registry.example.com/team/app:2", text: "to where its name says" },
    { command: "currunt push app registry.example.com/team/app:2", text: "to another place" },
  ],
  flags: {
    creds: credentialFlag,
    ...registryFlags,
    compression: {
      type: "string",
      choices: ["gzip", "zstd"],
      aliases: ["compression-format"],
      help: "of the layers: all are compressed so; unless given, as they came, else with gzip",
    },
    format: {
      type: "string",
      choices: ["oci", "docker"],
      help: "of the manifest; the image's own unless given",
    },
    quiet: { type: "boolean", short: "q", help: "show no progress" },
    progress: pushProgressFlag,
  },
  completes: "image",
  positionals: { min: 1, max: 2, names: "the name of an image, and where it goes" },
  async run({ flags, positionals: [name = "", destination] }) {
    const { compression, format } = flags;
    const options = {
      ...(destination === undefined ? {} : { destination }),
      access: accessOf(flags),
      ...(compression === undefined ? {} : { compression }),
      ...(format === undefined ? {} : { format }),
    };
    const engine = await openEngine(flags);
    using interruption = new Interruption();
    interruption.arm();
    const onEvent = pushListener(flags.quiet ? "none" : flags.progress);
    await print(await engine.push(name, options, { onEvent, signal: interruption.signal }));
    return 0;
  },
});
