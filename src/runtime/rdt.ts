/** Intel RDT: the group of the resctrl filesystem that a container's processes are in (config-linux.md, "IntelRdt"). */
import { O_WRONLY } from "../../ffi/kernel.ts";
import { CurruntError, wrap } from "../base/error.ts";
import { makeNewDirectory } from "../sys/directory.ts";
import { failedWith } from "../sys/error.ts";
import { openat, rmdirat, writeAll } from "../sys/file.ts";
import { readMounts } from "../sys/mountinfo.ts";
import { readSmallFile } from "../sys/small-file.ts";
import { isThere } from "../sys/stat.ts";
import type { IntelRdt } from "./spec.ts";

/** What a spec asks of resctrl. */
export interface RdtGroup {
  readonly directory: string;
  /** Lines for the file `schemata`, in the order in which they are to be written. */
  readonly lines: readonly string[];
  /** A group with a name of its own may be somebody else's: it stays when the container goes. */
  readonly isOwn: boolean;
  /** The monitoring group's directory. */
  readonly monitor: string | undefined;
}

/** The group for container `id`; `root` is where resctrl is mounted. Pure. */
export function rdtGroup(root: string, id: string, rdt: IntelRdt): RdtGroup {
  const { closID = "", schemata = [], l3CacheSchema = "", memBwSchema = "", enableMonitoring } = rdt;
  const name = closID === "" ? id : closID;
  const directory = name === "/" ? root : `${root}/${name}`;
  // A bandwidth line of the cache's schema gives way to the bandwidth's own.
  const cache = l3CacheSchema.split("\n").filter((line) => memBwSchema === "" || !line.startsWith("MB:"));
  return {
    directory,
    lines: [...cache, memBwSchema, ...schemata].filter((line) => line !== ""),
    isOwn: closID === "",
    monitor: enableMonitoring === true ? `${directory}/mon_groups/${id}` : undefined,
  };
}

/** Puts process `pid` into the group, which is made and limited before. */
export function enterRdt(id: string, rdt: IntelRdt, pid: number): void {
  const group = rdtGroup(findResctrl(), id, rdt);
  try {
    prepareGroup(group);
    writeTo(`${group.directory}/tasks`, String(pid));
    if (group.monitor === undefined) return;
    makeNewDirectory(group.monitor, 0o755);
    writeTo(`${group.monitor}/tasks`, String(pid));
  } catch (error) {
    throw wrap(error, "linux.intelRdt");
  }
}

/** Removes what `enterRdt` has made for the container; on a host without resctrl there is nothing. */
export function leaveRdt(id: string, rdt: IntelRdt): void {
  const root = mountOfResctrl();
  if (root === undefined) return;
  const { monitor, isOwn, directory } = rdtGroup(root, id, rdt);
  for (const made of [monitor, isOwn ? directory : undefined]) {
    if (made === undefined) continue;
    try {
      rmdirat(undefined, made);
    } catch (error) {
      if (!failedWith(error, "ENOENT")) throw error;
    }
  }
}

/** A group that is there already must be as the spec has it: others may be in it. */
function prepareGroup({ directory, lines, isOwn }: RdtGroup): void {
  if (isThere(undefined, directory)) {
    const present = readSmallFile(`${directory}/schemata`).split("\n").map(normalize);
    const missing = isOwn ? undefined : lines.find((line) => !present.includes(normalize(line)));
    if (missing === undefined) return;
    throw new CurruntError("conflict", `"${directory}" is there with other limits than "${missing}"`);
  }
  if (lines.length === 0 && !isOwn) {
    throw new CurruntError(
      "not-found",
      `"${directory}" is not there, and there are no limits to make it with`,
    );
  }
  makeNewDirectory(directory, 0o755);
  for (const line of lines) writeTo(`${directory}/schemata`, line);
}

/** "L3:0=f;1=0f" and "    L3:0=00f;1=f" are the same. */
function normalize(line: string): string {
  return line
    .replaceAll(/\s/g, "")
    .replaceAll(/=0+(?=[\da-f])/gi, "=")
    .toLowerCase();
}

function writeTo(path: string, line: string): void {
  using file = openat(undefined, path, O_WRONLY);
  writeAll(file, Buffer.from(`${line}\n`));
}

function mountOfResctrl(): string | undefined {
  return readMounts()
    .find(({ type }) => type === "resctrl")
    ?.mountPoint.toString();
}

function findResctrl(): string {
  const root = mountOfResctrl();
  if (root !== undefined) return root;
  throw new CurruntError("unsupported", "linux.intelRdt: the host has no resctrl filesystem mounted", {
    hint: "mount -t resctrl resctrl /sys/fs/resctrl, on a processor that has it",
  });
}
