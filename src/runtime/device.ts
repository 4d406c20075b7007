/** Devices of a container: the nodes and links that every container has, and those that its spec lists. */
import { posix } from "node:path";
import type { Slot, Step } from "../../ffi/plan.ts";
import { CurruntError } from "../base/error.ts";
import type { LinuxDevice } from "./spec.ts";

/** The specification's default devices, as their drivers number them. */
const defaultDevices: readonly (readonly [path: string, major: number, minor: number])[] = [
  ["/dev/null", 1, 3],
  ["/dev/zero", 1, 5],
  ["/dev/full", 1, 7],
  ["/dev/random", 1, 8],
  ["/dev/urandom", 1, 9],
  ["/dev/tty", 5, 0],
];

/** The specification's symlinks into /proc and devpts, and the kernel core file that runc links too. */
const defaultLinks: readonly (readonly [path: string, target: string])[] = [
  ["/dev/fd", "/proc/self/fd"],
  ["/dev/stdin", "/proc/self/fd/0"],
  ["/dev/stdout", "/proc/self/fd/1"],
  ["/dev/stderr", "/proc/self/fd/2"],
  ["/dev/core", "/proc/kcore"],
];

/** What fills /dev: the spec's own word on a default device counts. `host`: the host's /dev. */
export function deviceSteps(root: Slot, host: Slot, devices: readonly LinuxDevice[]): Step[] {
  const listed = new Set(devices.map(({ path }) => posix.normalize(path)));
  const steps: Step[] = defaultDevices
    .filter(([path]) => !listed.has(path))
    .map(([path, major, minor]) => {
      const from = hostDevice(host, path);
      return { op: "device", root, path, type: "c", major, minor, mode: 0o666, uid: 0, gid: 0, ...from };
    });
  for (const device of devices) steps.push(deviceStep(root, host, device));
  for (const [path, target] of defaultLinks) {
    steps.push({ op: "symlink", root, path, target, replace: false });
  }
  // The multiplexer of the container's own devpts, whatever the image brings.
  steps.push({ op: "symlink", root, path: "/dev/ptmx", target: "pts/ptmx", replace: true });
  return steps;
}

/** Where the host would have it. */
function hostDevice(slot: Slot, path: string): { host?: { slot: Slot; path: string } } {
  return path.startsWith("/dev/") ? { host: { slot, path: path.slice("/dev/".length) } } : {};
}

function deviceStep(root: Slot, host: Slot, device: LinuxDevice): Step {
  const { type, major, minor, fileMode = 0o666, uid = 0, gid = 0 } = device;
  const path = posix.resolve("/", device.path);
  if (type !== "p" && (major === undefined || minor === undefined)) {
    throw new CurruntError("invalid", `device "${path}": a device node needs "major" and "minor"`);
  }
  return {
    op: "device",
    root,
    path,
    type: type === "u" ? "c" : type,
    major: major ?? 0,
    minor: minor ?? 0,
    mode: fileMode & 0o7777,
    uid,
    gid,
    ...hostDevice(host, path),
  };
}
