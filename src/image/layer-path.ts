/** Names of entries: cleaned, checked, taken apart. Paths are relative, without "." and "..", "" is the layer's root. */
import { CurruntError } from "../base/error.ts";
import type { ByteString } from "./tar-header.ts";
import { showBytes } from "./tar-header.ts";

/** PATH_MAX and NAME_MAX of linux/limits.h: what a kernel takes. */
const maximumPath = 4095;
const maximumName = 255;

/** Begins the name of a file that stands for the removal of another (image-spec, layer.md, "Whiteouts"). */
export const whiteoutPrefix = ".wh.";
/** Removes all that lower layers have in the directory it stands in. */
export const opaqueMarker = ".wh..wh..opq";
/** Begins the names of AUFS's own files, which are no part of the tree. */
export const metaPrefix = ".wh..wh.";
/** AUFS's directory of files with several names: other entries are hard links to what it holds. */
export const linkStore = ".wh..wh.plnk";

/**
 * The path without leading slashes, ".", empty components and "..". Refuses what leaves the root, a NUL, and what no kernel takes.
 */
export function cleanPath(path: ByteString): ByteString {
  const trimmed = path.startsWith("./") ? path.slice(2) : path;
  // Nearly all names need no more than this.
  const clean = /(^|\/)\.{0,2}(\/|$)/.test(trimmed) ? cleanSlowly(trimmed) : trimmed;
  if (clean.includes("\0")) throw refuse(path, "it contains a NUL");
  if (clean.length > maximumPath)
    throw refuse(path.slice(0, 80), `it is ${clean.length} bytes long: ${maximumPath} at most`);
  if (clean.length > maximumName && clean.split("/").some((name) => name.length > maximumName)) {
    throw refuse(path, `a name in it is longer than ${maximumName} bytes`);
  }
  return clean;
}

function cleanSlowly(path: ByteString): ByteString {
  const names: ByteString[] = [];
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    if (name !== "..") names.push(name);
    else if (names.pop() === undefined) throw refuse(path, "it leads out of the layer");
  }
  return names.join("/");
}

function refuse(path: ByteString, detail: string): CurruntError {
  return new CurruntError("invalid", `path ${showBytes(path)}: ${detail}`);
}

/** The directory that `path` lies in; "" for the root, and for what lies in it. */
export function parentOf(path: ByteString): ByteString {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** The last component. */
export function nameOf(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function joinPath(parent: ByteString, name: ByteString): ByteString {
  return parent === "" ? name : `${parent}/${name}`;
}

/** True for a whiteout and for AUFS's own files. */
export function isMarker(path: ByteString): boolean {
  return path.startsWith(whiteoutPrefix) || path.includes(`/${whiteoutPrefix}`);
}
