/** The mounts that this process sees (`man 5 proc`, /proc/pid/mountinfo). */
import { O_RDONLY } from "../../ffi/kernel.ts";
import { openat } from "./file.ts";
import { readBytes } from "./small-file.ts";

export interface MountInfo {
  readonly id: number;
  readonly parentId: number;
  /** "major:minor" of the file system. */
  readonly device: string;
  /** What of the file system is mounted. */
  readonly root: Buffer;
  /** Where: bytes, as a path may be no text. */
  readonly mountPoint: Buffer;
  readonly type: string;
}

/** All mounts, in the kernel's order: what is mounted over another comes later. */
export function readMounts(): MountInfo[] {
  using file = openat(undefined, "/proc/thread-self/mountinfo", O_RDONLY);
  return parseMounts(readBytes(file).toString("latin1"));
}

/** The mounts of a mountinfo file's text, read as latin1: paths are bytes. */
export function parseMounts(text: string): MountInfo[] {
  return text.split("\n").flatMap((line) => {
    const fields = line.split(" ");
    const [id, parentId, device = "", root = "", mountPoint = ""] = fields;
    // Optional fields come before the hyphen: their number varies.
    const type = fields[fields.indexOf("-", 6) + 1] ?? "";
    if (line === "") return [];
    const entry = { id: Number(id), parentId: Number(parentId), device, type };
    return [{ ...entry, root: unescapePath(root), mountPoint: unescapePath(mountPoint) }];
  });
}

// Space, tab, newline and backslash are octal.
function unescapePath(text: string): Buffer {
  const plain = text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(plain, "latin1");
}
