/**
 * Layers that are images: containers share their mounts, and with a mount the memory of what is read through it. The kernel gives each
 * mount of such a file pages of its own, so those of a running container are taken over: they lie in a socket that its monitor keeps open,
 * as a message that nobody receives.
 */
import { readlinkSync } from "node:fs";
import type { ContainerPaths, Roots } from "../base/paths.ts";
import { containerPaths } from "../base/paths.ts";
import type { ImageMounts } from "../image/layer-mount.ts";
import { listDirectory } from "../sys/directory.ts";
import { SyscallError } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { openProcess, takeDescriptor } from "../sys/process.ts";
import { peekWithDescriptors, sendWithDescriptors } from "../sys/rights.ts";
import { replaceSmallFile, tryReadSmallFile } from "../sys/small-file.ts";

/** As many descriptors as one message can carry (SCM_MAX_FD of the kernel's net/scm.h): layers beyond are not shared. */
const maximumMounts = 253;

/**
 * Leaves copies of `mounts` in `vault`, whose other end `kept` the monitor has, and writes down where. Only memory is lost when that is
 * not possible.
 */
export function leaveMounts(
  mounts: ImageMounts,
  vault: Fd,
  { paths, monitor, kept }: { readonly paths: ContainerPaths; readonly monitor: number; readonly kept: Fd },
): void {
  const shared = [...mounts].slice(0, maximumMounts);
  attempt(() => {
    sendWithDescriptors(
      vault,
      Buffer.from("m"),
      shared.map(([, mount]) => mount),
    );
    const lines = [monitor, linkOf("self", kept.number), ...shared.map(([path]) => path)];
    replaceSmallFile(paths.run, "mounts", lines.join("\n"), 0o600);
  });
}

/** Puts the mounts that running containers have of `layers` into `mounts`. */
export function takeMounts(roots: Roots, layers: readonly string[], mounts: ImageMounts): void {
  const wanted = new Set(layers);
  for (const id of listDirectory(roots.run)) {
    if (wanted.size === 0) return;
    const text = tryReadSmallFile(containerPaths(roots, id).mounts);
    const [monitor, link = "", ...paths] = text?.split("\n") ?? [];
    if (!paths.some((path) => wanted.has(path))) continue;
    for (const [index, mount] of attempt(() => mountsIn(Number(monitor), link))?.entries() ?? []) {
      const path = paths[index] ?? "";
      if (wanted.delete(path)) mounts.set(path, mount);
      else mount.close();
    }
  }
}

/** Copies of what lies in the socket `link` of process `monitor`. */
function mountsIn(monitor: number, link: string): readonly Fd[] {
  using process = openProcess(monitor);
  // By its inode: another process of that number, or another of its descriptors, is none of ours.
  const number = listDirectory(`/proc/${monitor}/fd`).find((name) => linkOf(monitor, Number(name)) === link);
  if (number === undefined) return [];
  using socket = takeDescriptor(process, Number(number));
  return peekWithDescriptors(socket, 1).fds;
}

function linkOf(process: number | "self", fd: number): string {
  return readlinkSync(`/proc/${process}/fd/${fd}`);
}

/** A container that ends meanwhile, a kernel that does not let us: then nothing is shared. */
function attempt<T>(share: () => T): T | undefined {
  try {
    return share();
  } catch (error) {
    if (error instanceof SyscallError || (error instanceof Error && "code" in error)) return undefined;
    throw error;
  }
}
