/** Owner, attributes, mode and times of entries, in the order in which none undoes another. */
import type { Fd } from "../sys/fd.ts";
import { fchmod, fchmodat, fchown, fchownat, futimens, utimensat } from "../sys/file.ts";
import { fsetxattr, setxattrat } from "../sys/xattr.ts";
import type { OverlayNamespace } from "./layer-attribute.ts";
import { applyAttributes } from "./layer-attribute.ts";
import type { TarEntry } from "./tar-entry.ts";

export interface MetadataOptions {
  readonly namespace: OverlayNamespace;
  readonly warn: (message: string) => void;
  /** The owner that a new file has by itself. */
  readonly uid: number;
  readonly gid: number;
}

/** The same for files that are made. */
export interface CreationOptions extends MetadataOptions {
  /** What the kernel takes away from the mode of a new file. */
  readonly umask: number;
}

/** Nobody else may open a file, pipe or device before its owner and mode are set. */
export const closedMode = 0o600;

/** The mode to make a file with: its own where nothing needs to be changed later, which saves a call a file. */
export function initialMode({ uid, gid, mode }: TarEntry, options: CreationOptions): number {
  const needsOwner = uid !== options.uid || gid !== options.gid;
  return needsOwner || (mode & (0o7000 | options.umask)) !== 0 ? closedMode : mode;
}

// chown clears set-id bits and capabilities: it comes before both. Attributes and mode leave the modification time alone.

/** Gives an open file or directory what its entry says. `mode`: the one it has now. */
export function applyMetadata(file: Fd, entry: TarEntry, mode: number, options: MetadataOptions): void {
  const { uid, gid, xattrs, modified, accessed } = entry;
  if (uid !== options.uid || gid !== options.gid) fchown(file, uid, gid);
  if (xattrs !== undefined) {
    const set = (name: Uint8Array, value: Uint8Array) => fsetxattr(file, name, value);
    applyAttributes(xattrs, set, { ...options, special: false });
  }
  if (entry.mode !== mode) fchmod(file, entry.mode);
  futimens(file, accessed ?? modified, modified);
}

/** What cannot be opened: links, devices, pipes. */
export interface Named {
  readonly directory: Fd;
  readonly name: Buffer;
}

/** The same by name. */
export function applyMetadataAt(place: Named, entry: TarEntry, options: MetadataOptions): void {
  const { type, uid, gid, xattrs, modified, accessed } = entry;
  const { directory, name } = place;
  if (uid !== options.uid || gid !== options.gid) fchownat(directory, name, uid, gid);
  if (xattrs !== undefined) {
    const set = (key: Uint8Array, value: Uint8Array) => setxattrat(directory, name, key, value);
    applyAttributes(xattrs, set, { ...options, special: true });
  }
  // Linux has no modes of links; the others were made a moment ago, in a directory that nobody else can enter.
  if (type !== "symlink") fchmodat(directory, name, entry.mode);
  utimensat(directory, name, accessed ?? modified, modified);
}
