/** The hidden command `remove-ended`, which a monitor runs: it loads what it needs of the engine and nothing else. */
import { reported } from "./reported.ts";

/** Resolves to the exit code. */
export async function removeEnded(args: readonly string[]): Promise<number> {
  return await reported([], async () => {
    const engine = await import("../engine/exit.ts");
    await engine.removeEnded(args);
    return 0;
  });
}
