/** The two ends of a copy: what is taken, and the directory and name that it goes to; docker's rules for both. */
import { posix } from "node:path";
import { O_DIRECTORY, O_PATH, O_RDONLY, S_IFDIR, S_IFLNK, S_IFMT } from "../../ffi/kernel.ts";
import { CurruntError } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { readlinkat } from "../sys/file.ts";
import { lookup, statat } from "../sys/stat.ts";

/** One side's files. */
export interface Files {
  /** Opens a path as that side sees it, links followed. */
  open(path: string, flags: number): Fd;
}

/** What is copied: a name in a directory, or (without one) what the directory holds. */
export interface Source {
  readonly directory: Fd;
  readonly name: string | undefined;
  /** What it is called where the target has no name for it. */
  readonly title: string;
  readonly isDirectory: boolean;
}

/** Where it goes: under a name, or (without one) what it holds goes right into the directory. */
export interface Target {
  readonly directory: Fd;
  readonly name: string | undefined;
}

/** As many as the kernel follows. */
const maximumLinks = 40;

/** Finds what is to be copied. A link is copied itself, unless `follow` says otherwise or the path ends in a slash. */
export function findSource(files: Files, path: string, follow: boolean): Source {
  try {
    return followTo(files, path, follow);
  } catch (error) {
    if (!failedWith(error, "ENOENT", "ENOTDIR")) throw error;
    throw missing(path);
  }
}

function missing(path: string): CurruntError {
  return new CurruntError("not-found", `there is no ${JSON.stringify(path)}`);
}

function followTo(files: Files, path: string, follow: boolean): Source {
  let place = path;
  for (let links = 0; links <= maximumLinks; links++) {
    const trimmed = place.replace(/\/+$/, "");
    const title = posix.basename(trimmed);
    if (title === "" || title === "." || title === "..") {
      const directory = files.open(place, O_RDONLY | O_DIRECTORY);
      return { directory, name: undefined, title, isDirectory: true };
    }
    const directory = files.open(posix.dirname(trimmed), O_PATH | O_DIRECTORY);
    const status = lookup(directory, title);
    if (status === undefined) {
      directory.close();
      throw missing(path);
    }
    const kind = status.mode & S_IFMT;
    if (kind !== S_IFLNK || !(follow || trimmed !== place)) {
      return { directory, name: title, title: posix.basename(path), isDirectory: kind === S_IFDIR };
    }
    using parent = directory;
    const target = readlinkat(parent, title).toString();
    place =
      (target.startsWith("/") ? target : `${posix.dirname(trimmed)}/${target}`) + place.slice(trimmed.length);
  }
  throw new CurruntError("invalid", `${JSON.stringify(path)}: too many links`);
}

/** Finds where it goes; the directory must be there. */
export function findTarget(
  files: Files,
  path: string,
  source: Pick<Source, "isDirectory" | "name" | "title">,
): Target {
  const kind = kindOf(files, path);
  if (kind === S_IFDIR) {
    const directory = files.open(path, O_RDONLY | O_DIRECTORY);
    return { directory, name: source.name === undefined ? undefined : source.title };
  }
  const trimmed = path.replace(/\/+$/, "");
  if (kind !== undefined && source.isDirectory) {
    throw new CurruntError("conflict", `${JSON.stringify(path)} is a file, and a directory would replace it`);
  }
  if (trimmed !== path && !source.isDirectory) {
    throw new CurruntError("not-found", `there is no directory ${JSON.stringify(path)}`, {
      hint: "make it first, or leave out the slash at its end",
    });
  }
  try {
    return {
      directory: files.open(posix.dirname(trimmed), O_RDONLY | O_DIRECTORY),
      name: posix.basename(trimmed),
    };
  } catch (error) {
    if (!failedWith(error, "ENOENT", "ENOTDIR")) throw error;
    throw new CurruntError("not-found", `there is no directory ${JSON.stringify(posix.dirname(trimmed))}`);
  }
}

/** What is at a path; undefined: nothing. */
function kindOf(files: Files, path: string): number | undefined {
  try {
    using found = files.open(path, O_PATH);
    return statat(found, "").mode & S_IFMT;
  } catch (error) {
    if (failedWith(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}
