/** Loads a command and runs it; what goes wrong before the command itself takes over is reported here. */
import type { Command } from "./command.ts";

/** Resolves to the exit code and never throws. */
export async function perform(load: () => Promise<Command>, argv: readonly string[]): Promise<number> {
  try {
    const command = await load();
    return await command.execute(argv);
  } catch (error) {
    const { guessedStyle, report } = await import("./report.ts");
    return report(error, guessedStyle(argv));
  }
}
