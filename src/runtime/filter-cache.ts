/**
 * Compiled seccomp profiles, kept until the machine restarts: an engine gives nearly all of its containers the same profile, and
 * compiling it takes as long as all else at a container's start.
 */

import { O_CREAT, O_EXCL, O_WRONLY } from "../../ffi/kernel.ts";
import { commit, version } from "../base/version.ts";
import { listDirectory, makeDirectories } from "../sys/directory.ts";
import { openat, pwriteAll, renameat, unlinkat } from "../sys/file.ts";
import { tryReadBytes } from "../sys/small-file.ts";
import type { SeccompFilter } from "./process.ts";
import type { LinuxSeccomp } from "./spec-seccomp.ts";

/** More profiles than engines have: beyond, somebody makes one for each container, and nothing is worth keeping. */
const maximumCount = 64;

/** The flags, then the program. */
const headBytes = 4;
const instructionBytes = 8;

/** What is compiled from `profile` by this version, from `directory` if it is there; else `compile` makes it, and it is kept. */
export async function cachedFilter(
  directory: string,
  profile: LinuxSeccomp,
  compile: () => Promise<SeccompFilter>,
): Promise<SeccompFilter> {
  const name = nameOf(profile);
  const known = readFilter(`${directory}/${name}`);
  if (known !== undefined) return known;
  const made = await compile();
  try {
    keep(directory, name, made);
  } catch {
    // No room, or no right to write: the next container compiles it again.
  }
  return made;
}

function nameOf(profile: LinuxSeccomp): string {
  const text = JSON.stringify(profile, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
  return new Bun.CryptoHasher("sha256").update(`${version} ${commit} ${text}`).digest("hex");
}

function readFilter(path: string): SeccompFilter | undefined {
  const bytes = tryReadBytes(path);
  if (bytes === undefined || bytes.length <= headBytes) return undefined;
  if ((bytes.length - headBytes) % instructionBytes !== 0) return undefined;
  return { flags: bytes.readUInt32LE(0), filter: bytes.subarray(headBytes) };
}

/** Readers see a whole file or none. */
function keep(directory: string, name: string, { flags, filter }: SeccompFilter): void {
  makeDirectories(directory, 0o700);
  const names = listDirectory(directory);
  if (names.length >= maximumCount) for (const old of names) unlinkat(undefined, `${directory}/${old}`);
  const bytes = Buffer.alloc(headBytes + filter.length);
  bytes.writeUInt32LE(flags, 0);
  bytes.set(filter, headBytes);
  const temporary = `${directory}/${process.pid}`;
  using file = openat(undefined, temporary, O_WRONLY | O_CREAT | O_EXCL, 0o600);
  pwriteAll(file, bytes, 0);
  renameat(undefined, temporary, undefined, `${directory}/${name}`);
}
