/** All containers of a state root. */
import { listDirectory } from "../sys/directory.ts";
import { isThere, statat } from "../sys/stat.ts";
import { findState, stateDocument, statusOf } from "./state.ts";
import { statePaths } from "./state-root.ts";

/** The state documents of all containers below `root`, by ID. What is no container is passed over. */
export async function listStates(root: string): Promise<Record<string, unknown>[]> {
  if (!isThere(undefined, root)) return [];
  const documents: Record<string, unknown>[] = [];
  for (const id of listDirectory(root).sort()) {
    if (!/^[\w+.-]+$/.test(id)) continue;
    const paths = statePaths(root, id);
    const state = findState(paths);
    if (state === undefined) continue;
    const { uid } = statat(undefined, paths.directory);
    documents.push({
      ...stateDocument(state, await statusOf(paths, state)),
      owner: uid === 0 ? "root" : `#${uid}`,
    });
  }
  return documents;
}
