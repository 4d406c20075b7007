/** Hard links of a layer whose target is not there yet: later in the archive, or in a layer below. */
import { CurruntError, wrap } from "../base/error.ts";
import type { Place } from "./layer-target.ts";
import type { LayerTree } from "./layer-tree.ts";
import type { ByteString } from "./tar-header.ts";
import { bytesOf, showBytes } from "./tar-header.ts";

/** A link to what only an earlier layer has. Both paths are clean and relative; bytes. */
export interface ForeignLink {
  readonly path: Uint8Array;
  readonly target: Uint8Array;
}

/** The file of this layer that a hard link to `target` names; undefined when there is none. */
export function findLinkTarget(tree: LayerTree, target: ByteString): Place | undefined {
  const place = tree.find(target);
  if (place === undefined) return undefined;
  if (tree.directories.has(place.path)) {
    throw new CurruntError("invalid", `a hard link to ${showBytes(target)}, which is a directory`);
  }
  const found = tree.target.lookup(place);
  return found === undefined || found === "whiteout" ? undefined : place;
}

/** Targets by the resolved path of the link. */
export type PendingLinks = Map<ByteString, ByteString>;

/** Makes the links whose target has come since; the rest are for `finishLayer`, each after those that it waits for. */
export function linkPending(tree: LayerTree, pending: PendingLinks): ForeignLink[] {
  const foreign: ForeignLink[] = [];
  for (const [path, target] of pending) {
    // A link may wait for another link: that one goes first. Each is looked at once, whatever the order.
    const chain: [ByteString, ByteString][] = [];
    for (let [link, to]: [ByteString, ByteString | undefined] = [path, target]; to !== undefined; ) {
      chain.push([link, to]);
      pending.delete(link);
      link = tree.find(to)?.path ?? to;
      to = pending.get(link);
    }
    for (const [link, to] of chain.reverse()) {
      if (!linkNow(tree, link, to)) foreign.push({ path: bytesOf(link), target: bytesOf(to) });
    }
  }
  return foreign;
}

/** Links `path` to what `target` names in this layer; false when there is none. */
export function linkNow(tree: LayerTree, path: ByteString, target: ByteString): boolean {
  try {
    const found = findLinkTarget(tree, target);
    if (found === undefined) return false;
    const place = tree.place(path);
    // A later entry made a directory of it, for what is in there.
    if (tree.target.lookup(place) === undefined) tree.target.makeHardLink(found, place);
    return true;
  } catch (error) {
    throw wrap(error, `entry ${showBytes(path)}`);
  }
}
