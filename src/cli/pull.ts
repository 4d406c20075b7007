/** `currunt pull`. */
import { defineCommand } from "./command.ts";
import { forEach } from "./each.ts";
import { openEngine } from "./open-engine.ts";
import { layerFormatFlag, progressFlag, pullWatch } from "./pull-watch.ts";
import { accessOf, credentialFlag, registryFlags } from "./registry-flags.ts";
import { reportStyle } from "./report.ts";
import { platformOf } from "./run-options.ts";

export const pull = defineCommand({
  name: "pull",
  usage: ["[flags] IMAGE…"],
  description:
    "Gets images from their registries, and prints their IDs. Layers that are here already are not transferred again.",
  examples: [
    { command: "currunt pull busybox", text: "the latest, from Docker Hub" },
    {
      command: "currunt pull -platform linux/arm64 quay.io/prometheus/busybox:glibc",
      text: "of another platform",
    },
  ],
  flags: {
    platform: {
      type: "string",
      metavar: "OS/ARCH[/VARIANT]",
      help: "platform to choose from an image for several; this machine's unless given",
    },
    quiet: { type: "boolean", short: "q", help: "show no progress" },
    progress: progressFlag,
    "layer-format": layerFormatFlag,
    creds: credentialFlag,
    ...registryFlags,
  },
  completes: "image",
  positionals: { min: 1, names: "the name of an image" },
  async run({ flags, positionals }) {
    const { quiet } = flags;
    const options = {
      quiet,
      layerFormat: flags["layer-format"],
      access: accessOf(flags),
      ...(flags.platform === undefined ? {} : { platform: platformOf(flags.platform) }),
    };
    const engine = await openEngine(flags);
    return await forEach(
      positionals,
      { order: "sequential", style: reportStyle(flags) },
      async (reference) => {
        const { id } = await pullWatch(flags, (watch) => engine.pull(reference, options, watch));
        return id;
      },
    );
  },
});
