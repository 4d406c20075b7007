/** Compares two directory trees, all but the contents of files: what is there, whose it is, when it was changed. */
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY, S_IFDIR, S_IFLNK, S_IFMT } from "../../ffi/kernel.ts";
import { readDirectory } from "../sys/directory.ts";
import type { Fd } from "../sys/fd.ts";
import { displayPath, openat, openDirectory, readlinkat } from "../sys/file.ts";
import type { Status } from "../sys/stat.ts";
import { statat } from "../sys/stat.ts";
import { getxattrat, listxattrat } from "../sys/xattr.ts";

/** What differs first, in words; undefined: nothing does. */
export function compareTrees(expected: string, actual: string): string | undefined {
  using one = openDirectory(expected);
  using other = openDirectory(actual);
  const difference = compareEntries(one, other, Buffer.from("."));
  if (difference !== undefined) return `its root has another ${difference}`;
  return compareDirectories(one, other, "");
}

function compareDirectories(expected: Fd, actual: Fd, path: string): string | undefined {
  const names = namesIn(expected);
  const found = namesIn(actual);
  for (const name of found.keys()) if (!names.has(name)) return `${path}/${name} does not belong to it`;
  for (const [key, name] of names) {
    const inner = `${path}/${displayPath(name)}`;
    if (!found.has(key)) return `${inner} is missing`;
    const difference = compareEntries(expected, actual, name);
    if (difference !== undefined) return `${inner} has another ${difference}`;
    if ((statat(expected, name).mode & S_IFMT) !== S_IFDIR) continue;
    const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    using one = openat(expected, name, flags);
    using other = openat(actual, name, flags);
    const below = compareDirectories(one, other, inner);
    if (below !== undefined) return below;
  }
  return undefined;
}

/** By the bytes of the names, one a character. */
function namesIn(directory: Fd): Map<string, Buffer> {
  return new Map(readDirectory(directory).map(({ name }) => [name.toString("latin1"), name]));
}

/** The first of the properties that differs. */
function compareEntries(expected: Fd, actual: Fd, name: Buffer): string | undefined {
  const [one, other] = [statat(expected, name), statat(actual, name)];
  for (const [property, read] of properties) if (read(one) !== read(other)) return property;
  const isLink = (one.mode & S_IFMT) === S_IFLNK;
  if (isLink && !readlinkat(expected, name).equals(readlinkat(actual, name))) return "target";
  return attributesOf(expected, name) === attributesOf(actual, name) ? undefined : "extended attribute";
}

const properties: readonly (readonly [string, (status: Status) => string | number])[] = [
  ["type", ({ mode }) => mode & S_IFMT],
  ["mode", ({ mode }) => mode],
  ["owner", ({ uid, gid }) => `${uid}:${gid}`],
  ["size", (status) => (isDirectory(status) ? 0 : status.sizeBytes)],
  ["number of links", (status) => (isDirectory(status) ? 0 : status.links)],
  ["time", ({ modified }) => `${modified.seconds}.${modified.nanoseconds}`],
  ["device", ({ major, minor }) => `${major}:${minor}`],
];

/** What a file system says of its directories differs from day to day. */
function isDirectory({ mode }: Status): boolean {
  return (mode & S_IFMT) === S_IFDIR;
}

function attributesOf(directory: Fd, name: Buffer): string {
  const all = listxattrat(directory, name).map((key) => {
    return `${key.toString("latin1")}=${getxattrat(directory, name, key)?.toString("latin1") ?? ""}`;
  });
  return all.sort().join("\0");
}
