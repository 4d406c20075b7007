/** Reports what goes wrong where no command has taken over yet, or none ever does. */

/** Resolves to the exit code of `act` and never throws; `argv` tells the form in which errors are wanted. */
export async function reported(argv: readonly string[], act: () => Promise<number>): Promise<number> {
  try {
    return await act();
  } catch (error) {
    const { guessedStyle, report } = await import("./report.ts");
    return report(error, guessedStyle(argv));
  }
}
