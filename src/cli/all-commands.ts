/** Every command, loaded: for what describes them all, the manual page and the completion scripts. */
import type { Command } from "./command.ts";
import { commands } from "./commands.ts";

/** In the order of the overview, each with its one-line summary. */
export async function loadAll(): Promise<{ readonly command: Command; readonly summary: string }[]> {
  return await Promise.all(
    Object.values(commands).map(async ({ load, description }) => ({
      command: await load(),
      summary: description,
    })),
  );
}
