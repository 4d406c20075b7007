/** The config.json that a new bundle starts from. */

const capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

const maskedPaths = [
  ...["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"],
  ...["/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"],
];

const readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

export interface TemplateOptions {
  /** For the user with these IDs. */
  readonly rootless?: { readonly uid: number; readonly gid: number } | undefined;
  /** Of the host's cgroups: as with runc, containers see all of the trees of version 1. */
  readonly cgroupVersion: 1 | 2;
}

/** A shell on a terminal, in namespaces of its own, over the directory "rootfs". */
export function templateSpec({ rootless, cgroupVersion }: TemplateOptions): Record<string, unknown> {
  const namespaces = ["pid", "ipc", "uts", "mount", rootless === undefined ? "network" : "user"];
  return {
    ociVersion: "1.3.0",
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ["sh"],
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
      cwd: "/",
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    hostname: "currunt",
    mounts: rootless === undefined ? mounts() : mounts().map(forUser),
    linux: {
      ...(rootless === undefined
        ? { resources: { devices: [{ allow: false, access: "rwm" }] } }
        : mappings(rootless)),
      namespaces: [...namespaces, ...(cgroupVersion === 2 ? ["cgroup"] : [])].map((type) => ({ type })),
      maskedPaths,
      readonlyPaths,
    },
  };
}

interface TemplateMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options?: readonly string[];
}

function mounts(): TemplateMount[] {
  const quiet = ["nosuid", "noexec", "nodev"];
  return [
    { destination: "/proc", type: "proc", source: "proc" },
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
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    {
      destination: "/dev/shm",
      type: "tmpfs",
      source: "shm",
      options: [...quiet, "mode=1777", "size=65536k"],
    },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: quiet },
    { destination: "/sys", type: "sysfs", source: "sysfs", options: [...quiet, "ro"] },
    {
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: [...quiet, "relatime", "ro"],
    },
  ];
}

/** A user has one group only, and without a network namespace no right to a new sysfs: the host's is bound. */
function forUser(mount: TemplateMount): TemplateMount {
  const { destination, options = [] } = mount;
  if (destination === "/sys") {
    return {
      destination,
      type: "none",
      source: "/sys",
      options: ["rbind", "nosuid", "noexec", "nodev", "ro"],
    };
  }
  return mount.options === undefined
    ? mount
    : { ...mount, options: options.filter((name) => !/^gid=/.test(name)) };
}

function mappings({ uid, gid }: { readonly uid: number; readonly gid: number }) {
  return {
    uidMappings: [{ containerID: 0, hostID: uid, size: 1 }],
    gidMappings: [{ containerID: 0, hostID: gid, size: 1 }],
  };
}

/** The file's text. */
export function templateText(options: TemplateOptions): string {
  return `${JSON.stringify(templateSpec(options), undefined, 2)}\n`;
}
