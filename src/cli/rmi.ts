/** `currunt rmi`, `currunt tag` and `currunt untag`. */
import { defineCommand } from "./command.ts";
import { forEach } from "./each.ts";
import { openEngine } from "./open-engine.ts";
import { print } from "./output.ts";
import { reportStyle } from "./report.ts";

export const rmi = defineCommand({
  name: "rmi",
  usage: ["[flags] IMAGE…"],
  description:
    "Removes names of images, and an image with its last name. By its ID, an image goes with all its names. Layers that other images share stay. An image that a container uses is removed only with -force, and its files go with that container.",
  examples: [{ command: "currunt rmi busybox", text: "remove an image" }],
  flags: {
    force: {
      type: "boolean",
      short: "f",
      help: "remove it with names of several repositories, or with containers that use it",
    },
    ignore: { type: "boolean", short: "i", help: "an image that is not here is no error" },
  },
  completes: "image",
  positionals: { min: 1, names: "the name of an image" },
  async run({ flags: { force, ignore, ...flags }, positionals }) {
    const engine = await openEngine(flags);
    return await forEach(positionals, { order: "sequential", style: reportStyle(flags) }, async (name) => {
      const removed = await engine.removeImage(name, { force, ignore });
      if (removed === undefined) return undefined;
      const lines = removed.untagged.map((reference) => `Untagged: ${reference}`);
      if (removed.deleted !== undefined) lines.push(`Deleted: ${removed.deleted}`);
      return lines.join("\n");
    });
  },
});

export const tag = defineCommand({
  name: "tag",
  usage: ["IMAGE NAME…"],
  description:
    "Gives an image more names. A name that another image has moves; that image stays, without it.",
  examples: [{ command: "currunt tag busybox registry.example:5000/me/box:1", text: "a name to push it by" }],
  flags: {},
  completes: "image",
  positionals: { min: 2, names: "the name of an image, and a new one" },
  async run({ flags, positionals: [source = "", ...targets] }) {
    const engine = await openEngine(flags);
    await engine.tag(source, targets);
    return 0;
  },
});

export const untag = defineCommand({
  name: "untag",
  usage: ["IMAGE [NAME…]"],
  description:
    "Takes names away from an image, all of them when none is given, and prints them. The image stays.",
  examples: [{ command: "currunt untag busybox", text: "an image without a name: prune removes it" }],
  flags: {},
  completes: "image",
  positionals: { min: 1, names: "the name of an image" },
  async run({ flags, positionals: [source = "", ...names] }) {
    const engine = await openEngine(flags);
    for (const name of await engine.untag(source, names)) await print(name);
    return 0;
  },
});
