/** What remains to be done when a container has ended: its record, or its removal. */
import { isDiskFull, openDatabase, relaxDurability } from "../base/database.ts";
import { containerPaths, dataPaths } from "../base/paths.ts";
import { removeTree } from "../sys/directory.ts";
import type { Charge } from "./charge.ts";
import { ContainerStore } from "./store.ts";

/** Records how the container ended; one of `-rm` is removed with all it had. The caller holds its lock. */
export async function recordEnd({ roots, record }: Charge, exitCode: number): Promise<void> {
  const { id } = record;
  const database = await openDatabase(dataPaths(roots).database);
  const store = new ContainerStore(database, roots);
  if (record.remove) {
    // After a power cut the sweep finds it as it finds one whose monitor died, and removes it then.
    relaxDurability(database);
    store.remove(record);
  } else {
    try {
      store.markExited(id, exitCode);
      removeTree(undefined, containerPaths(roots, id).run);
    } catch (error) {
      // Clients learn the exit code all the same; the index learns of the end from a sweep, once there is room.
      if (!isDiskFull(error)) throw error;
    }
  }
}
