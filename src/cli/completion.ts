/** `currunt completion`: prints a shell's completion script. */

import { CurruntError } from "../base/error.ts";
import { loadAll } from "./all-commands.ts";
import { defineCommand } from "./command.ts";
import { bashScript } from "./completion-bash.ts";
import { fishScript } from "./completion-fish.ts";
import { zshScript } from "./completion-zsh.ts";
import { print } from "./output.ts";

const scripts = new Map([
  ["bash", bashScript],
  ["zsh", zshScript],
  ["fish", fishScript],
]);

export const completion = defineCommand({
  name: "completion",
  usage: ["bash|zsh|fish"],
  description:
    "Prints a script that teaches the shell to complete currunt's commands, flags, and the names of containers and images.",
  examples: [
    { command: "source <(currunt completion bash)", text: "in this shell" },
    { command: "currunt completion bash > /etc/bash_completion.d/currunt", text: "in every bash" },
    {
      command: "currunt completion zsh > /usr/local/share/zsh/site-functions/_currunt",
      text: "in every zsh",
    },
    { command: "currunt completion fish > ~/.config/fish/completions/currunt.fish", text: "in every fish" },
  ],
  flags: {},
  positionals: { min: 1, max: 1, names: "the name of a shell: bash, zsh or fish" },
  async run({ positionals: [shell = ""] }) {
    const script = scripts.get(shell);
    if (script === undefined) {
      throw new CurruntError("invalid", `completion: there is none for ${JSON.stringify(shell)}`, {
        hint: `shells are ${[...scripts.keys()].join(", ")}`,
      });
    }
    await print(script(await loadAll()));
    return 0;
  },
});
