/** Copies a directory tree as it is: owners, modes, times, extended attributes, links, devices. */

import {
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from "../../ffi/kernel.ts";
import { readDirectory } from "./directory.ts";
import type { Fd } from "./fd.ts";
import {
  copyData,
  fchmodat,
  fchownat,
  linkat,
  mkdirat,
  mknodat,
  openat,
  openDirectory,
  readlinkat,
  symlinkat,
  utimensat,
} from "./file.ts";
import type { Status } from "./stat.ts";
import { statat } from "./stat.ts";
import { getxattrat, listxattrat, setxattrat } from "./xattr.ts";

/**
 * Copies what the directory `source` holds, and its own owner, mode and times, into the directory `destination`,
 * which must not exist. Follows no link; sockets are left out, as they mean nothing without their process.
 */
export function copyTree(source: Fd, destination: string): void {
  mkdirat(undefined, destination, 0o700);
  using target = openDirectory(destination);
  copyContent(source, target, new Map());
  copyMetadata({ from: source, to: target, name: "." }, statat(source, ""));
}

/** Files with several names, by device and inode: where the first name has been copied to. */
type Links = Map<string, { directory: Fd; name: Buffer }>;

function copyContent(from: Fd, to: Fd, links: Links): void {
  for (const { name } of readDirectory(from)) {
    const status = statat(from, name);
    copyEntry({ from, to, name }, status, links);
  }
}

interface Entry {
  readonly from: Fd;
  readonly to: Fd;
  readonly name: Buffer | string;
}

function copyEntry({ from, to, name }: Entry & { name: Buffer }, status: Status, links: Links): void {
  const kind = status.mode & S_IFMT;
  if (kind === S_IFSOCK) return;
  if (kind === S_IFDIR) {
    mkdirat(to, name, 0o700);
    using inner = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    using copy = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    // Names that are linked across directories get a copy each: their descriptors are closed by then.
    copyContent(inner, copy, new Map());
  } else if (kind === S_IFLNK) symlinkat(readlinkat(from, name), to, name);
  else if (kind !== S_IFREG) mknodat(to, name, status.mode, status.major, status.minor);
  else {
    const key = `${status.device} ${status.inode}`;
    const linked = status.links > 1 ? links.get(key) : undefined;
    if (linked !== undefined) {
      linkat(linked.directory, linked.name, to, name);
      return;
    }
    copyFile({ from, to, name });
    links.set(key, { directory: to, name });
  }
  copyMetadata({ from, to, name }, status);
}

function copyFile({ from, to, name }: Entry): void {
  using input = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  using output = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  copyData(input, output);
}

/** In this order: a new owner clears set-user-ID bits and capabilities, and every change sets the time. */
function copyMetadata({ from, to, name }: Entry, status: Status): void {
  fchownat(to, name, status.uid, status.gid);
  for (const attribute of listxattrat(from, name)) {
    // The overlay's own marks are not part of what is seen through it.
    if (attribute.toString().startsWith("trusted.overlay.")) continue;
    const value = getxattrat(from, name, attribute);
    if (value !== undefined) setxattrat(to, name, attribute, value);
  }
  if ((status.mode & S_IFMT) !== S_IFLNK) fchmodat(to, name, status.mode & 0o7777);
  utimensat(to, name, status.accessed, status.modified);
}
