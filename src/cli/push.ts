/** `currunt push`. */
import { CurruntError } from "../base/error.ts";
import { defineCommand } from "./command.ts";
import { Interruption } from "./interruption.ts";
import { openEngine } from "./open-engine.ts";
import { print } from "./output.ts";
import { pushListener, pushProgressFlag } from "./push-watch.ts";

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
    creds: {
      type: "string",
      metavar: "USER:PASSWORD",
      help: "instead of what docker's and podman's files say",
    },
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
    const { creds, compression, format } = flags;
    const options = {
      ...(destination === undefined ? {} : { destination }),
      ...(creds === undefined ? {} : { login: readCredentials(creds) }),
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

function readCredentials(text: string): { username: string; password: string } {
  const colon = text.indexOf(":");
  if (colon > 0) return { username: text.slice(0, colon), password: text.slice(colon + 1) };
  // The value is not shown: it may be the password alone.
  throw new CurruntError("invalid", "flag -creds: it is not USER:PASSWORD");
}
