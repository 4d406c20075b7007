/** What every container gets unless it is privileged: docker's mounts, namespaces, masked and read-only paths. */
import type { Linux, LinuxNamespaceType, Mount } from "../runtime/spec.ts";
import type { RunOptions } from "./options.ts";

/** The search path of a program whose image sets none. */
export const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** docker's size of /dev/shm. */
export const defaultShmSizeBytes = 64 * 1024 * 1024;

/** In the order of mounting. */
export function defaultMounts(options: { shmSizeBytes: number; writableSys: boolean }): Mount[] {
  const shm = `size=${options.shmSizeBytes}`;
  const sys = ["nosuid", "noexec", "nodev", ...(options.writableSys ? [] : ["ro"])];
  return [
    { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      // Group 5 is tty on every distribution.
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    { destination: "/sys", type: "sysfs", source: "sysfs", options: sys },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
    {
      destination: "/dev/shm",
      type: "tmpfs",
      source: "shm",
      options: ["nosuid", "noexec", "nodev", "mode=1777", shm],
    },
  ];
}

/** The namespaces that a container has for itself; with the host's network all but that. */
export function namespaces(network: "host" | "none"): { type: LinuxNamespaceType }[] {
  const types: LinuxNamespaceType[] = ["pid", "ipc", "uts", "mount", "cgroup"];
  if (network === "none") types.push("network");
  return types.map((type) => ({ type }));
}

/** The limits that were asked for, and the cgroup that they are set on; nothing without any. */
export function limits(id: string, { resources }: Pick<RunOptions, "resources">): Linux {
  return resources === undefined ? {} : { resources, cgroupsPath: cgroupsPathOf(id) };
}

/** At the top of every tree: it outlives the session that it was made from. */
export function cgroupsPathOf(id: string): string {
  return `/currunt-${id}`;
}

/** Tell about the host, or act on it, and are hidden. */
export const maskedPaths: readonly string[] = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];

/** Change the host when they are written to. */
export const readonlyPaths: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];
