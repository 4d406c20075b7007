/** `currunt help [COMMAND]`, and the answer to a command line without a command. */
import { CurruntError } from "../base/error.ts";
import { defineCommand } from "./command.ts";
import { commands } from "./commands.ts";
import { globalFlags } from "./global.ts";
import { renderHelp, renderOverview } from "./help.ts";
import { print, tell } from "./output.ts";
import { spellings } from "./spellings.ts";
import { nearest } from "./suggest.ts";

export const help = defineCommand({
  name: "help",
  usage: ["[COMMAND]"],
  description: "Shows the overview of all commands, or the help of one.",
  examples: [{ command: "currunt help run", text: "all that run can do" }],
  flags: {},
  completes: "command",
  positionals: { max: 2, names: "the name of a command" },
  async run({ positionals }) {
    const name = positionals.length === 0 ? undefined : positionals.join(" ");
    await print(name === undefined ? renderOverview(commands, globalFlags) : renderHelp(await load(name)));
    return 0;
  },
});

/** Runs when no command was named: the overview as an error. */
export const missing = defineCommand({
  name: "",
  usage: ["COMMAND"],
  description: "",
  examples: [],
  flags: {},
  async run() {
    tell(renderOverview(commands, globalFlags));
    return 125;
  },
});

async function load(given: string) {
  const [name = given] = Object.hasOwn(spellings, given) ? (spellings[given] ?? []) : [];
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry !== undefined) return await entry.load();
  const meant = nearest(name, Object.keys(commands));
  throw new CurruntError(
    "invalid",
    `unknown command ${JSON.stringify(name)}${meant === undefined ? "" : `: did you mean "${meant}"?`}`,
  );
}
