/** File systems that nobody has used, for those who are measured: how full and worn the machine's own is must not decide. */
import { mkdirSync, rmSync } from "node:fs";
import { runOnce } from "./measure.ts";

/**
 * Mounts a new file system, the same for all, at `path`. Straight to the disk: a second copy of all data in the memory of
 * the loop device is nothing that a real disk has.
 */
export function mountFreshDisk(path: string): void {
  mkdirSync(path, { recursive: true });
  const image = `${path}.ext4`;
  try {
    runOnce(["truncate", "--size=8G", image]);
    const complete = "lazy_itable_init=0,lazy_journal_init=0";
    runOnce(["mkfs.ext4", "-q", "-F", "-N", "200000", "-E", complete, image]);
    const losetup = ["losetup", "--find", "--show", "--direct-io=on", "--sector-size=4096", image];
    const device = runOnce(losetup).stdout.trim();
    try {
      runOnce(["mount", device, path]);
    } finally {
      // The mount holds it, and this mount namespace the mount.
      runOnce(["losetup", "--detach", device]);
    }
  } finally {
    rmSync(image, { force: true });
  }
}

/** Unmounts all that is mounted at or below `path`: podman keeps mounts in its root. */
export function unmountAll(path: string): void {
  const script = 'grep -o " $1[^ ]*" /proc/self/mountinfo | sort -r | xargs -r umount';
  Bun.spawnSync(["sh", "-c", script, "sh", path]);
}
