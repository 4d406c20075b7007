/** The tree of a layer: finds parents without ever leaving it, makes missing ones, remembers all directories. */
import { CurruntError } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import { joinPath, nameOf, parentOf } from "./layer-path.ts";
import type { DirectoryRecord, LayerTarget, Place } from "./layer-target.ts";
import type { ByteString } from "./tar-header.ts";
import { showBytes } from "./tar-header.ts";

function newRecord(opaque: boolean): DirectoryRecord {
  return { metadata: undefined, opaque, whiteouts: false, children: [] };
}

/** Links that are followed at most in one path, as in the kernel. */
const maximumLinks = 40;

export class LayerTree {
  readonly target: LayerTarget;
  /** Every directory of the layer, by resolved path, parents first. */
  readonly directories = new Map<ByteString, DirectoryRecord>();
  /** Paths that a whiteout was seen for: a directory made there must not show what lower layers have. */
  readonly whiteouts = new Set<ByteString>();

  /** `target`: has nothing but a root. */
  constructor(target: LayerTarget) {
    this.target = target;
    this.directories.set("", newRecord(false));
  }

  /** The place of `path` (cleaned, not the root). Makes missing parents, and replaces parents that are no directories. */
  place(path: ByteString): Place {
    const parent = this.#resolve(parentOf(path), "make") ?? "";
    return placeIn(parent, nameOf(path));
  }

  /**
   * The place for what hides things of lower layers. Undefined where a parent is a file of this layer, which stays: it hides them already.
   * (umoci writes such whiteouts when a file takes a directory's place.)
   */
  placeToHide(path: ByteString): Place | undefined {
    const parent = this.#resolve(parentOf(path), "make where free");
    return parent === undefined ? undefined : placeIn(parent, nameOf(path));
  }

  /** The place of `path`, if its parent exists in this layer. */
  find(path: ByteString): Place | undefined {
    const parent = this.#resolve(parentOf(path), "leave");
    return parent === undefined ? undefined : placeIn(parent, nameOf(path));
  }

  /** Makes a directory with its record; what is there must not be one. */
  makeDirectory(place: Place): DirectoryRecord {
    this.make(place, () => this.target.makeDirectory(place));
    const record = newRecord(this.whiteouts.has(place.path));
    this.directories.set(place.path, record);
    this.directories.get(place.parent)?.children.push(place.path);
    return record;
  }

  /** Makes something that must not be there yet; what is there is removed first. */
  make<T>(place: Place, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (!failedWith(error, "EEXIST")) throw error;
      this.clear(place);
      return make();
    }
  }

  /** Removes what is at `place`, a whole tree included. */
  clear(place: Place): void {
    const pending = [place.path];
    const gone: ByteString[] = [];
    for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
      const record = this.directories.get(path);
      if (record === undefined) continue;
      pending.push(...record.children);
      this.directories.delete(path);
      gone.push(path);
    }
    this.target.remove(place, gone);
  }

  /** The directory that `path` leads to, links followed as if the layer were "/". */
  #resolve(path: ByteString, missing: "make" | "make where free" | "leave"): ByteString | undefined {
    // The records' keys have no links in them: a hit needs no walk.
    if (this.directories.has(path)) return path;
    const todo = path.split("/").reverse();
    let resolved: ByteString = "";
    let links = 0;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        resolved = parentOf(resolved);
        continue;
      }
      const child = joinPath(resolved, name);
      if (this.directories.has(child)) {
        resolved = child;
        continue;
      }
      const place = placeIn(resolved, name);
      const found = this.target.lookup(place);
      if (found === "symlink") {
        if (++links > maximumLinks)
          throw new CurruntError("invalid", `path ${showBytes(path)}: too many links`);
        const target = this.target.readLink(place);
        if (target.startsWith("/")) resolved = "";
        todo.push(...target.split("/").reverse());
      } else if (missing === "make" || (missing === "make where free" && found !== "other")) {
        this.makeDirectory(place);
        resolved = child;
      } else return undefined;
    }
    return resolved;
  }
}

function placeIn(parent: ByteString, name: ByteString): Place {
  return { parent, name, path: joinPath(parent, name) };
}
