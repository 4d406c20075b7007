/** `currunt diff`. */
import type { FileChange } from "../engine/file-options.ts";
import { defineCommand } from "./command.ts";
import { openEngine } from "./open-engine.ts";
import { print, printable, printJson } from "./output.ts";
import { parseTemplate } from "./template.ts";

export const diff = defineCommand({
  name: "diff",
  usage: ["[flags] CONTAINER"],
  description:
    "Lists the files that a container has added (A), changed (C) and deleted (D), in the order of their paths. A directory counts as changed when something in it is.",
  examples: [{ command: "currunt diff -format json web", text: "for programs" }],
  flags: {
    format: {
      type: "string",
      metavar: "json|TEMPLATE",
      help: "form of the list; a template has the fields {{.Kind}} and {{.Path}}",
    },
  },
  completes: "container",
  positionals: { min: 1, max: 1, names: "the name of a container" },
  async run({ flags: { format, ...flags }, positionals: [name = ""] }) {
    const engine = await openEngine(flags);
    const changes = await engine.changes(name);
    if (format === "json") await printJson(changes.map(fieldsOf));
    else if (changes.length > 0) await print(changes.map(lineWith(format)).join("\n"));
    return 0;
  },
});

function lineWith(format: string | undefined): (change: FileChange) => string {
  // A name may have a line's end in it, or what drives a terminal.
  if (format === undefined) return ({ kind, path }) => `${kind} ${printable(path).replaceAll("\n", " ")}`;
  const template = parseTemplate(format);
  return (change) => template.render(fieldsOf(change));
}

function fieldsOf({ kind, path }: FileChange): Record<string, string> {
  return { Kind: kind, Path: path };
}
