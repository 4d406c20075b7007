/** The hidden command `remove-ended`, which a monitor runs: it loads what it needs of the engine and nothing else. */

/** Resolves to the exit code. */
export async function removeEnded(args: readonly string[]): Promise<number> {
  try {
    const engine = await import("../engine/exit.ts");
    await engine.removeEnded(args);
    return 0;
  } catch (error) {
    const { guessedStyle, report } = await import("./report.ts");
    return report(error, guessedStyle([]));
  }
}
