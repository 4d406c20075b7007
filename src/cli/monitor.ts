/** The hidden command `monitor`: the process that keeps a container. It loads the engine's monitor and nothing else. */

/** Resolves when the container has ended and all is recorded. */
export async function monitor(): Promise<void> {
  const { runMonitor } = await import("../engine/monitor.ts");
  await runMonitor();
}
