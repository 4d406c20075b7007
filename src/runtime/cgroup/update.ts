/** Changes the limits of a running container: all of them, or none. */
import { CurruntError } from "../../base/error.ts";
import type { LinuxResources } from "../spec.ts";
import type { PlacedWrites } from "./apply.ts";
import { placeSettings } from "./apply.ts";
import { openCgroupDirectory, tryReadCgroupFile, tryWriteCgroupFile } from "./file.ts";
import type { CgroupState } from "./state.ts";
import { unifiedDirectory } from "./state.ts";
import type { Write } from "./write.ts";
import { writeAllSettings } from "./write.ts";

/** Writes what `resources` has, merged with what holds; when one is refused, the old values are written back. */
export async function updateSettings(state: CgroupState, resources: LinuxResources): Promise<void> {
  const merged = await asDriverHasIt(state, mergeWithCurrent(state, resources));
  const placed = await placeSettings(state, merged);
  const saved: Saved[] = [];
  try {
    for (const { path, writes } of placed) {
      saved.push(...save({ path, writes }));
      using directory = openCgroupDirectory(path);
      writeAllSettings(directory, writes);
    }
    if (state.unit === undefined) return;
    const { updateUnit } = await import("./systemd.ts");
    updateUnit(state, merged);
  } catch (error) {
    restore(saved.reverse());
    throw error;
  }
}

async function asDriverHasIt(state: CgroupState, resources: LinuxResources): Promise<LinuxResources> {
  if (state.unit === undefined) return resources;
  const { roundQuota } = await import("./systemd-property.ts");
  return roundQuota(resources);
}

/** Version 2 has files for two values at once: the one that is not given stays. */
function mergeWithCurrent(state: CgroupState, resources: LinuxResources): LinuxResources {
  const path = unifiedDirectory(state);
  if (state.version === 1 || path === undefined) return resources;
  using directory = openCgroupDirectory(path);
  const read = (name: string) => tryReadCgroupFile(directory, name);
  const { cpu, memory } = resources;
  const merged: { -readonly [K in keyof LinuxResources]: LinuxResources[K] } = { ...resources };
  if (cpu?.period && !cpu.quota) {
    const [quota = "max"] = (read("cpu.max") ?? "").split(" ");
    merged.cpu = { ...cpu, quota: quota === "max" ? -1 : Number(quota) };
  }
  if (memory?.swap && !memory.limit) {
    const limit = read("memory.max") ?? "max";
    merged.memory = { ...memory, limit: limit === "max" ? -1 : Number(limit) };
  }
  const limit = memory?.limit ?? 0;
  const used = memory?.checkBeforeUpdate === true ? Number(read("memory.current") ?? 0) : 0;
  if (limit > 0 && used > limit) {
    throw new CurruntError(
      "conflict",
      `linux.resources.memory.limit: ${limit} is less than the ${used} in use`,
    );
  }
  return merged;
}

/** What a file had. */
interface Saved {
  readonly path: string;
  readonly write: Write;
  readonly file: string;
  readonly text: string;
}

function save({ path, writes }: PlacedWrites): Saved[] {
  using directory = openCgroupDirectory(path);
  return writes.flatMap((write) => {
    for (const file of [write.file, ...(write.instead === undefined ? [] : [write.instead.file])]) {
      const text = tryReadCgroupFile(directory, file);
      if (text !== undefined) return [{ path, write, file, text }];
    }
    return [];
  });
}

/** Some values can only be written before or behind others: what is refused at first comes again. */
function restore(saved: readonly Saved[]): void {
  const refused = saved.filter((one) => !writeBack(one));
  for (const one of refused) writeBack(one);
}

function writeBack({ path, write, file, text }: Saved): boolean {
  using directory = openCgroupDirectory(path);
  const expected = ["EINVAL", "EBUSY", "ENODEV", "ENOENT", "EOPNOTSUPP"] as const;
  const lines = oldLines(write, text);
  return lines.every((line) => tryWriteCgroupFile(directory, file, line, expected) === undefined);
}

/** The lines that make a file what it was. */
export function oldLines(write: Pick<Write, "file" | "data">, text: string): string[] {
  // "oom_kill_disable 0", with other lines that only tell.
  if (write.file === "memory.oom_control") return [/\d+/.exec(text)?.[0] ?? "0"];
  const lines = text.split("\n").filter((line) => line !== "");
  const keyed = /^(\d+:\d+) /.exec(write.data)?.[1];
  if (keyed === undefined) return lines.length === 0 ? ["\n"] : lines;
  const before = lines.find((line) => line.startsWith(`${keyed} `));
  if (before !== undefined) return [before];
  // No line stands for no limit: version 2 says it in words, version 1 with 0.
  return [write.file === "io.max" ? write.data.replace(/=\S+/, "=max") : `${keyed} 0`];
}
