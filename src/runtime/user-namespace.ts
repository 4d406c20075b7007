/** User namespaces: the maps of a new one, written from outside, and what is different for a container in one. */
import type { Step } from "../../ffi/plan.ts";
import { CurruntError, wrap } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import { effectiveIds } from "../sys/process.ts";
import { readSmallFile, writeSmallFile } from "../sys/small-file.ts";
import type { Linux, LinuxIDMapping, Spec } from "./spec.ts";

/** The kernel takes no more lines, nor more bytes at once than a page has (`man 7 user_namespaces`). */
const linesMax = 340;
const bytesMax = 4095;

/** Writes the maps of the user namespace that process `pid` was cloned into; of one that was joined, compares them. */
export async function settleMaps(pid: number, { linux = {} }: Spec): Promise<void> {
  const path = linux.namespaces?.find(({ type }) => type === "user")?.path ?? "";
  if (path === "") await writeIdMaps(pid, linux);
  else checkJoinedMaps(pid, path, linux);
}

/** What podman passes along with a joined namespace. */
const placeholder = "0 0 1\n";

/** Callers pass the maps along with the namespace that they have made: others than it has would be a misunderstanding. */
function checkJoinedMaps(pid: number, path: string, { uidMappings = [], gidMappings = [] }: Linux): void {
  const maps = [
    { ...kinds.uid, mappings: uidMappings },
    { ...kinds.gid, mappings: gidMappings },
  ];
  for (const { field, file, mappings } of maps) {
    if (mappings.length === 0 || linesOf(mappings) === placeholder) continue;
    const have = readSmallFile(`/proc/${pid}/${file}`).trim().replace(/ +/g, " ").replace(/^ /gm, "");
    if (have !== linesOf(mappings).trim()) {
      throw new CurruntError(
        "invalid",
        `${field}: they are not those of ${JSON.stringify(path)}, which is joined`,
      );
    }
  }
}

async function writeIdMaps(pid: number, { uidMappings = [], gidMappings = [] }: Linux): Promise<void> {
  if (uidMappings.length === 0 || gidMappings.length === 0) {
    throw new CurruntError(
      "invalid",
      "linux.uidMappings: a new user namespace needs uidMappings and gidMappings",
    );
  }
  const maps = [
    { ...kinds.uid, mappings: uidMappings, own: effectiveIds().uid },
    { ...kinds.gid, mappings: gidMappings, own: effectiveIds().gid },
  ];
  for (const map of maps) checkSize(map);
  for (const map of maps) await writeMap(pid, map);
}

const kinds = {
  uid: { field: "linux.uidMappings", file: "uid_map", program: "newuidmap", allowed: "/etc/subuid" },
  gid: { field: "linux.gidMappings", file: "gid_map", program: "newgidmap", allowed: "/etc/subgid" },
} as const;

interface IdMap {
  readonly field: string;
  readonly file: string;
  /** What writes it for an ordinary user, by the ranges in the file `allowed`. */
  readonly program: string;
  readonly allowed: string;
  readonly mappings: readonly LinuxIDMapping[];
  /** Our own ID. */
  readonly own: number;
}

const numbersOf = ({ containerID, hostID, size }: LinuxIDMapping) => [containerID, hostID, size];
const linesOf = (mappings: readonly LinuxIDMapping[]) =>
  mappings.map((mapping) => `${numbersOf(mapping).join(" ")}\n`).join("");

/** What is cut off would be another map (CVE-2021-43784). */
function checkSize({ field, mappings }: IdMap): void {
  if (mappings.length > linesMax) {
    throw new CurruntError(
      "invalid",
      `${field}: ${mappings.length} mappings, and the kernel takes ${linesMax}`,
    );
  }
  if (linesOf(mappings).length > bytesMax) {
    throw new CurruntError(
      "invalid",
      `${field}: as text they are longer than the ${bytesMax} bytes of the kernel`,
    );
  }
}

async function writeMap(pid: number, map: IdMap): Promise<void> {
  const path = `/proc/${pid}/${map.file}`;
  try {
    if (!hasOwnIdOnly(map)) writeSmallFile(path, linesOf(map.mappings), 0);
    else {
      try {
        writeSmallFile(path, linesOf(map.mappings), 0);
      } catch (error) {
        if (!failedWith(error, "EPERM")) throw error;
        // What everybody may map, as long as nobody can leave a group that is kept from files.
        writeSmallFile(`/proc/${pid}/setgroups`, "deny", 0);
        writeSmallFile(path, linesOf(map.mappings), 0);
      }
    }
  } catch (error) {
    if (failedWith(error, "EPERM", "EACCES")) await runMapper(pid, map);
    else if (failedWith(error, "EINVAL")) throw refused(map, error);
    else throw wrap(error, map.field);
  }
}

function refused({ field }: IdMap, cause: unknown): CurruntError {
  return new CurruntError("invalid", `${field}: the kernel refuses them`, {
    cause,
    hint: "ranges must not overlap, and the host's IDs must exist in the runtime's own user namespace",
  });
}

const hasOwnIdOnly = ({ mappings, own }: IdMap) =>
  mappings.length === 1 && mappings[0]?.size === 1 && mappings[0].hostID === own;

/** Has the set-user-ID programs of the package uidmap write what the administrator allows us. */
async function runMapper(pid: number, { field, program, allowed, mappings, own }: IdMap): Promise<void> {
  const { findProgram, runProgram } = await import("../sys/run-program.ts");
  const path = findProgram(program);
  if (path === undefined) {
    throw new CurruntError("unavailable", `${field}: ${program} is not installed`, {
      hint: `without it an ordinary user can only map one ID, its own: ${own}; on Debian: apt-get install uidmap`,
    });
  }
  const args = [program, String(pid), ...mappings.flatMap((mapping) => numbersOf(mapping).map(String))];
  const run = runProgram({ path, args, environment: [], directory: "/", input: "", timeoutMs: 0 });
  if (run.end !== undefined && "exitCode" in run.end && run.end.exitCode === 0) return;
  throw new CurruntError("denied", `${field}: ${run.output.trim() || `${program} failed`}`, {
    hint: `${allowed} must allow these IDs to the user ${effectiveIds().uid}`,
  });
}

/**
 * Makes init root in its user namespace, once the maps are there. Until then it is nobody there, but the host's paths are
 * open to it as to its parent. With no ID 0 it becomes the first that there is: one that can own files.
 */
export function becomeRootSteps({ uidMappings = [], gidMappings = [] }: Linux): Step[] {
  const rootOf = (mappings: readonly LinuxIDMapping[]) => {
    const ids = mappings.map(({ containerID }) => containerID);
    return ids.length === 0 || ids.includes(0) ? 0 : Math.min(...ids);
  };
  return [
    { op: "user", uid: rootOf(uidMappings), gid: rootOf(gidMappings), groups: [] },
    { op: "dumpable", on: false },
  ];
}
