/** The root of a container that shares the runtime's mount namespace: mounted there, where nobody else looks, until it goes. */
import { makeDirectories } from "../sys/directory.ts";
import { failedWith } from "../sys/error.ts";
import { rmdirat } from "../sys/file.ts";
import { unmountAll } from "../sys/mount.ts";
import type { StatePaths } from "./state-root.ts";

/**
 * Beside the containers' directories, under a name that no container can have: whatever removes one of those can never reach
 * into what is mounted here, which is the container's root itself.
 */
const placeOf = ({ root, directory }: StatePaths) => `${root}/@${directory.slice(root.length + 1)}`;

/** Makes the place, and returns its path. */
export function makeRootPlace(paths: StatePaths): string {
  const place = placeOf(paths);
  makeDirectories(place, 0o700);
  return place;
}

/** Unmounts what is there, with all that is below it, and removes the place. It need not be there. */
export function removeRootPlace(paths: StatePaths): void {
  const place = placeOf(paths);
  unmountAll(place);
  try {
    rmdirat(undefined, place);
  } catch (error) {
    if (!failedWith(error, "ENOENT")) throw error;
  }
}
