/** The command tree: each command's one line for the overview, and how its code is loaded when it is called. */
import type { Command } from "./command.ts";

export interface Entry {
  readonly summary: string;
  readonly group: string;
  /** Not shown, not completed: for currunt's own use. */
  readonly hidden?: true;
  readonly load: () => Promise<Command>;
}

const system = "currunt itself";

/** In the order of the overview. */
export const commands: Readonly<Record<string, Entry>> = {
  version: {
    group: system,
    summary: "show the version",
    load: async () => (await import("./version.ts")).versionCommand,
  },
  help: {
    group: system,
    summary: "show the help of a command",
    load: async () => (await import("./help-command.ts")).help,
  },
};

/** docker's other names for commands of ours. */
export const commandAliases: Readonly<Record<string, string>> = {};
