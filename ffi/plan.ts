/** The plan: the steps that the shim executes (`shim/`), as plain data. */
import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_RELATIME,
  MOUNT_ATTR_STRICTATIME,
  MS_PRIVATE,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
} from "./kernel.ts";

/** What a program that waits for its start needs. */
export interface AwaitSlots {
  /** A fifo that is open for reading. */
  slot: Slot;
  /** A file, written when something goes wrong after the conversation has ended: one message as it would have been sent. */
  failure: Slot;
}

/** A descriptor of the plan, by index: the ones passed with it come first, steps that open add theirs. */
export type Slot = number;

export type Namespace = "mount" | "pid" | "network" | "ipc" | "uts" | "user" | "cgroup" | "time";

/** Each namespace's clone flag. */
export const namespaceFlags = {
  time: CLONE_NEWTIME,
  mount: CLONE_NEWNS,
  cgroup: CLONE_NEWCGROUP,
  uts: CLONE_NEWUTS,
  ipc: CLONE_NEWIPC,
  user: CLONE_NEWUSER,
  pid: CLONE_NEWPID,
  network: CLONE_NEWNET,
} as const satisfies Record<Namespace, number>;

/** Attributes of a mount by the names that mount options have. */
export const mountAttributes = {
  ro: MOUNT_ATTR_RDONLY,
  nosuid: MOUNT_ATTR_NOSUID,
  nodev: MOUNT_ATTR_NODEV,
  noexec: MOUNT_ATTR_NOEXEC,
  relatime: MOUNT_ATTR_RELATIME,
  noatime: MOUNT_ATTR_NOATIME,
  strictatime: MOUNT_ATTR_STRICTATIME,
  nodiratime: MOUNT_ATTR_NODIRATIME,
  nosymfollow: MOUNT_ATTR_NOSYMFOLLOW,
} as const;
export type MountAttribute = keyof typeof mountAttributes;

/** How mounts and unmounts pass between a mount and its copies. */
export const propagations = {
  unbindable: MS_UNBINDABLE,
  private: MS_PRIVATE,
  slave: MS_SLAVE,
  shared: MS_SHARED,
} as const;
export type Propagation = keyof typeof propagations;

/** One option of a filesystem: a flag, or a key with its value. */
export type FilesystemOption = readonly [key: string, value?: string];

/** The bits of a set of mount attributes. */
export function attributeBits(attributes: readonly MountAttribute[]): number {
  return attributes.reduce((bits, name) => bits | mountAttributes[name], 0);
}

/** The bits that setting these attributes must clear: the access-time modes are one field (`man 2 mount_setattr`). */
export function clearedBits(set: readonly MountAttribute[], clear: readonly MountAttribute[]): number {
  const isTimed = (name: MountAttribute) =>
    name === "noatime" || name === "strictatime" || name === "relatime";
  return attributeBits(clear) | (set.some(isTimed) || clear.some(isTimed) ? MOUNT_ATTR__ATIME : 0);
}

/**
 * One thing that the shim does. Paths of steps with a `root` are resolved inside that descriptor's tree, symlinks
 * included; all others are the host's. What is missing of a target is made.
 */
export type Step =
  /**
   * Goes on in a child in new namespaces, whose parent is the shim's own: init. Signal: when the parent dies. Apart: in memory of its
   * own, which who joins a user or time namespace later must have (`man 2 setns`).
   */
  | { op: "clone"; namespaces: readonly Namespace[]; cgroup?: Slot; deathSignal: number; apart?: boolean }
  /**
   * Joins namespaces of an opened ns file or of a process's pidfd. "try": unless the rights for it are missing; "rest":
   * unless that has been done.
   */
  | { op: "setns"; slot: Slot; namespaces: readonly Namespace[]; when?: "try" | "rest" }
  | { op: "unshare"; namespaces: readonly Namespace[] }
  /** Enters the cgroup whose file `path` takes thread ids (`tasks`, `cgroup.procs`). Optional: it may not be allowed to. */
  | { op: "cgroup"; path: string; optional: boolean }
  /** Waits until the caller has done what belongs to this point. */
  | { op: "sync"; point: string }
  /** The signal that init gets when its parent dies; fails when it has died already. 0: none. */
  | { op: "deathSignal"; signal: number }
  | { op: "session" }
  /** A session keyring of its own; a kernel without keyrings is no error. */
  | { op: "keyring"; name: string }
  /** Brings the interface `lo` up. */
  | { op: "loopback" }
  /** Opens a path as a place (O_PATH), or to read it. */
  | { op: "open"; slot: Slot; path: string; read: boolean }
  /** Closes a slot before its time. */
  | { op: "forget"; slot: Slot }
  /** Writes a file of procfs; `slot` is a directory of it and nothing mounted over it is written. */
  | { op: "write"; slot: Slot; path: string; data: string }
  /** A detached copy of a mount. Optional: the slot stays empty when there is nothing at the path. */
  | { op: "tree"; slot: Slot; path: string; recursive: boolean; optional?: boolean }
  /**
   * A new detached filesystem. `modeOf`: where it will lie in `root`; it takes over that directory's mode, if there.
   * `instead`: a tree that takes its place when we may not make it.
   */
  | {
      op: "filesystem";
      slot: Slot;
      type: string;
      source?: string;
      options: readonly FilesystemOption[];
      attributes: readonly MountAttribute[];
      modeOf?: { root: Slot; path: string };
      instead?: Slot | undefined;
    }
  | {
      op: "attributes";
      slot: Slot;
      set: readonly MountAttribute[];
      clear: readonly MountAttribute[];
      propagation?: Propagation;
      recursive: boolean;
    }
  /** Changes the mount at a path, and the filesystem when there are options. */
  | {
      op: "remount";
      root: Slot;
      path: string;
      set: readonly MountAttribute[];
      clear: readonly MountAttribute[];
      options: readonly FilesystemOption[];
    }
  /** Copies what lies at `path` into the new filesystem `slot`, which will cover it. */
  | { op: "copyUp"; slot: Slot; root: Slot; path: string }
  /** Lets files of the detached mount `slot` belong to other ids: by lines of /proc/PID/uid_map, or an opened user namespace. */
  | ({ op: "idmap"; slot: Slot; recursive: boolean } & ({ uids: string; gids: string } | { namespace: Slot }))
  /** Attaches a detached mount; a missing target is made as what the mount is: a directory or a file. */
  | { op: "attach"; slot: Slot; root: Slot; path: string; follow: boolean }
  /** Attaches a detached mount over a path of the host's, in this mount namespace. `place`: that path, opened before. */
  | { op: "cover"; slot: Slot; path: string; place?: Slot }
  /** Makes the mount in `slot` the root and lets go of everything else. */
  | { op: "pivot"; slot: Slot }
  /** The same for a root that nothing can be pivoted from; mounts at `gone` are taken away first (chroot can be left). */
  | { op: "chroot"; slot: Slot; gone: readonly string[] }
  /** Covers a file with the device `null`, a directory with `empty`, both of the tree `source`; skips what is missing. */
  | { op: "mask"; root: Slot; path: string; source: Slot }
  /** Makes a path read-only where it is; skips what is missing. */
  | { op: "readonly"; root: Slot; path: string }
  | { op: "directory"; root: Slot; path: string; mode: number }
  | {
      op: "device";
      root: Slot;
      path: string;
      type: "c" | "b" | "p";
      major: number;
      minor: number;
      mode: number;
      uid: number;
      gid: number;
      /** The same device of the host's, which is bound where nodes cannot be made: a directory, and the path in it. */
      host?: { slot: Slot; path: string };
    }
  | { op: "symlink"; root: Slot; path: string; target: string; replace: boolean }
  /** Opens a pty of the root's devpts, sends its master through the socket `slot`, makes it the terminal and streams 0-2. */
  | {
      op: "terminal";
      slot: Slot;
      root: Slot;
      uid: number;
      rows: number;
      columns: number;
      console: boolean;
      /** Line ends come out as they were written: "\n", not "\r\n". */
      plain: boolean;
    }
  /** Opens streams that are the host's /dev/null anew, as the container's if it has one. */
  | { op: "nullStdio"; root: Slot }
  /** Gives pipes among the streams to the user, so that the program can open /dev/stdout. */
  | { op: "ownStdio"; uid: number }
  | { op: "hostname"; name: string }
  | { op: "domainname"; name: string }
  /**
   * Closes every descriptor but 0-2, the socket and those of `keep`. `preserve` become the program's descriptors 3, 4 … Their
   * slots are gone then.
   */
  | { op: "close"; preserve?: readonly Slot[]; keep?: AwaitSlots | undefined }
  | { op: "umask"; mask: number }
  /** Changes the directory unless an earlier step did; it must lie inside the root. Optional: a later step may. */
  | { op: "chdir"; path: string; optional: boolean }
  | { op: "rlimit"; resource: number; soft: bigint; hard: bigint }
  | { op: "noNewPrivileges" }
  /** Installs a seccomp filter: an array of struct sock_filter. */
  | { op: "seccomp"; filter: Uint8Array; flags: number }
  /** Drops every capability that is not in the mask from the bounding set. */
  | { op: "boundingSet"; keep: bigint }
  /**
   * Sets the ids, keeping permitted capabilities. Without `groups` the supplementary groups stay; they also do when there
   * shall be none, and a user namespace keeps who is in it from leaving them.
   */
  | { op: "user"; uid: number; gid: number; groups?: readonly number[] }
  | { op: "capabilities"; effective: bigint; permitted: bigint; inheritable: bigint; ambient: bigint }
  /** `man 2 sched_setattr`; what the policy does not take is 0. */
  | {
      op: "scheduler";
      policy: number;
      flags: bigint;
      nice: number;
      priority: number;
      runtime: bigint;
      deadline: bigint;
      period: bigint;
    }
  /** `level`: IOPRIO_CLASS_*. */
  | { op: "ioPriority"; level: number; priority: number }
  /** The CPUs that the process may use, as a mask; without one all. */
  | { op: "affinity"; cpus?: Uint8Array }
  | { op: "personality"; persona: number }
  /** `mode` with its flags; `nodes` is a mask of whole 64-bit words. */
  | { op: "memoryPolicy"; mode: number; nodes: Uint8Array }
  /** Gives the program a variable HOME: the user's directory in the root's /etc/passwd, or "/". */
  | { op: "home"; uid: number }
  /**
   * Runs a program to its end: `state` with the process's own pid between its two parts is its stdin, what it prints tells
   * why it failed. `directory`: where it runs, when that can be entered. 0 ms: it may take as long as it likes. `name` is
   * what errors call it.
   */
  | {
      op: "hook";
      name: string;
      path: string;
      args: readonly string[];
      env: readonly string[];
      /** With the program's HOME, too, when a step before has found it. */
      home: boolean;
      state: readonly [beforePid: string, behindPid: string];
      directory: string;
      timeoutMs: number;
    }
  /** Whether those who may act on the process may also look into it; only for as long as it must be. */
  | { op: "dumpable"; on: boolean }
  /** Fails as `exec` of these paths would, where that can be told before. */
  | { op: "lookup"; name: string; paths: readonly string[] }
  /** Ends the conversation with the caller, who takes that for success, and waits for a byte from the fifo `slot`. */
  | ({ op: "await" } & AwaitSlots)
  /** Executes the first of `paths` that can be. */
  | { op: "exec"; paths: readonly string[]; args: readonly string[]; env: readonly string[] };
