/** The monitor: one process a container, its parent, which holds its streams, writes its log and records its end. */

/**
 * What the hidden command `monitor` runs. Descriptor 3 is the socket to the creating client, 4 the container's lock.
 * `main.ts` calls this before anything else is loaded.
 */
export async function runMonitor(): Promise<void> {
  throw new Error("not yet");
}
