/** `currunt inspect`. */
import { CurruntError } from "../base/error.ts";
import type { Engine } from "../engine/engine.ts";
import { defineCommand } from "./command.ts";
import { openEngine } from "./open-engine.ts";
import { print, printJson } from "./output.ts";
import { report, reportStyle } from "./report.ts";
import { parseTemplate } from "./template.ts";

/** docker's exit code for a name that nothing has: scripts ask with `inspect` whether it exists. */
const missingExitCode = 1;

export const inspect = defineCommand({
  name: "inspect",
  usage: ["[flags] NAME…"],
  description:
    "Shows all that is known about containers and images as a JSON array. A name is looked up among the containers first. Ends with 1 when there is none.",
  examples: [
    { command: "currunt inspect -format '{{.State.Pid}}' web", text: "one value" },
    { command: "currunt inspect -type image busybox", text: "an image, even if a container has that name" },
  ],
  flags: {
    type: { type: "string", choices: ["container", "image"], help: "look only among these" },
    format: { type: "string", short: "f", metavar: "json|TEMPLATE", help: "form of the output" },
  },
  completes: "container",
  positionals: { min: 1, names: "a name" },
  async run({ flags, positionals }) {
    const template =
      flags.format === undefined || flags.format === "json" ? undefined : parseTemplate(flags.format);
    const engine = await openEngine(flags);
    const found: Record<string, unknown>[] = [];
    let exitCode = 0;
    for (const name of positionals) {
      try {
        found.push(await look(engine, name, flags.type));
      } catch (error) {
        exitCode ||= report(error, reportStyle(flags));
      }
    }
    if (template === undefined) await printJson(found);
    else for (const data of found) await print(`${template.render(data)}\n`);
    return exitCode;
  },
});

async function look(engine: Engine, name: string, type: "container" | "image" | undefined) {
  const container = type === "image" ? undefined : await unlessMissing(engine.inspect(name));
  const data =
    container ?? (type === "container" ? undefined : await unlessMissing(engine.inspectImage(name)));
  if (data !== undefined) return data;
  const what = type ?? "container or image";
  throw new CurruntError("not-found", `inspect ${JSON.stringify(name)}: there is no such ${what}`, {
    exitCode: missingExitCode,
  });
}

async function unlessMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof CurruntError && error.kind === "not-found") return undefined;
    throw error;
  }
}
