/** The hidden command `monitor`: the process that keeps a container. It loads the engine's monitor and nothing else. */

/** Resolves when the container has ended and all is recorded. */
export async function monitor(): Promise<void> {
  const { runMonitor } = await import("../engine/monitor.ts");
  await runMonitor();
}

/** For a command that is going to start a container: its monitor loads while the command does. */
export async function prepareMonitor(): Promise<void> {
  const { spawnMonitorEarly } = await import("../engine/spawn-monitor.ts");
  spawnMonitorEarly();
}
