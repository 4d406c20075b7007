/** Compares two directory trees, all but the contents of files: what is there, whose it is, when it was changed. */
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY, S_IFDIR, S_IFLNK, S_IFMT } from "../../ffi/kernel.ts";
import { readDirectory } from "../sys/directory.ts";
import type { Fd } from "../sys/fd.ts";
import { openat, openDirectory, readlinkat } from "../sys/file.ts";
import type { Status } from "../sys/stat.ts";
import { statat } from "../sys/stat.ts";
import { getxattrat, listxattrat } from "../sys/xattr.ts";
import { joinPath } from "./layer-path.ts";
import { bytesOf } from "./tar-header.ts";

/**
 * What differs first, in words; undefined: nothing does. `untimed`: directories whose times are when they were made, by their path as
 * bytes, "" is the root.
 */
export function compareTrees(
  expected: string,
  actual: string,
  untimed: readonly Uint8Array[],
): string | undefined {
  using one = openDirectory(expected);
  using other = openDirectory(actual);
  const skip = new Set(untimed.map((path) => Buffer.from(path).toString("latin1")));
  return compareDirectories(one, other, { path: "", untimed: skip });
}

interface At {
  /** Bytes, one a character. */
  readonly path: string;
  readonly untimed: ReadonlySet<string>;
}

/** What is in them, then the directories themselves: a file too many is told before the time that it changed. */
function compareDirectories(expected: Fd, actual: Fd, { path, untimed }: At): string | undefined {
  const names = namesIn(expected);
  const found = namesIn(actual);
  for (const key of found.keys()) {
    if (!names.has(key)) return `${shown(joinPath(path, key))} does not belong to it`;
  }
  for (const [key, name] of names) {
    const inner = joinPath(path, key);
    const difference = found.has(key)
      ? compareNamed(expected, actual, name, { path: inner, untimed })
      : `${shown(inner)} is missing`;
    if (difference !== undefined) return difference;
  }
  const own = compareEntries(expected, actual, Buffer.from("."), untimed.has(path));
  return own && `${shown(path)} has another ${own}`;
}

function compareNamed(expected: Fd, actual: Fd, name: Buffer, at: At): string | undefined {
  if (isDirectory(statat(expected, name)) && isDirectory(statat(actual, name))) {
    const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    using one = openat(expected, name, flags);
    using other = openat(actual, name, flags);
    return compareDirectories(one, other, at);
  }
  const difference = compareEntries(expected, actual, name, false);
  return difference && `${shown(at.path)} has another ${difference}`;
}

function shown(path: string): string {
  return `/${bytesOf(path).toString()}`;
}

/** By the bytes of the names, one a character. */
function namesIn(directory: Fd): Map<string, Buffer> {
  return new Map(readDirectory(directory).map(({ name }) => [name.toString("latin1"), name]));
}

/** The first of the properties that differs. */
function compareEntries(expected: Fd, actual: Fd, name: Buffer, untimed: boolean): string | undefined {
  const [one, other] = [statat(expected, name), statat(actual, name)];
  for (const [property, read] of properties) {
    if (read(one) !== read(other) && !(untimed && property === "time")) return property;
  }
  const isLink = (one.mode & S_IFMT) === S_IFLNK;
  if (isLink && !readlinkat(expected, name).equals(readlinkat(actual, name))) return "target";
  return attributesOf(expected, name) === attributesOf(actual, name) ? undefined : "extended attribute";
}

const properties: readonly (readonly [string, (status: Status) => string | number])[] = [
  ["type", ({ mode }) => mode & S_IFMT],
  ["mode", ({ mode }) => mode],
  ["owner", ({ uid, gid }) => `${uid}:${gid}`],
  // What a file system says of its directories differs from day to day.
  ["size", (status) => (isDirectory(status) ? 0 : status.sizeBytes)],
  ["number of links", (status) => (isDirectory(status) ? 0 : status.links)],
  ["time", ({ modified }) => `${modified.seconds}.${modified.nanoseconds}`],
  ["device", ({ major, minor }) => `${major}:${minor}`],
];

function isDirectory({ mode }: Status): boolean {
  return (mode & S_IFMT) === S_IFDIR;
}

function attributesOf(directory: Fd, name: Buffer): string {
  const all = listxattrat(directory, name).map((key) => {
    return `${key.toString("latin1")}=${getxattrat(directory, name, key)?.toString("latin1") ?? ""}`;
  });
  return all.sort().join("\0");
}
