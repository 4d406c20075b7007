/** The OCI runtime specification's types (1.3, Linux), with the names that they have in config.json. */
import type { LinuxSeccomp } from "./spec-seccomp.ts";

/** config.json: what a container is. */
export interface Spec {
  readonly ociVersion: string;
  readonly root?: Root;
  readonly process?: Process;
  readonly hostname?: string;
  readonly domainname?: string;
  readonly mounts?: readonly Mount[];
  readonly hooks?: Hooks;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly linux?: Linux;
}

export interface Root {
  /** Absolute, or relative to the bundle. */
  readonly path: string;
  readonly readonly?: boolean;
}

export interface Process {
  readonly terminal?: boolean;
  readonly consoleSize?: { readonly height: number; readonly width: number };
  readonly user: User;
  readonly args: readonly string[];
  readonly env?: readonly string[];
  readonly cwd: string;
  readonly capabilities?: Capabilities;
  readonly rlimits?: readonly Rlimit[];
  readonly noNewPrivileges?: boolean;
  readonly apparmorProfile?: string;
  readonly selinuxLabel?: string;
  readonly oomScoreAdj?: number;
  readonly scheduler?: Scheduler;
  readonly ioPriority?: IOPriority;
  readonly execCPUAffinity?: CPUAffinity;
}

export type SchedulerPolicy =
  | "SCHED_OTHER"
  | "SCHED_BATCH"
  | "SCHED_IDLE"
  | "SCHED_FIFO"
  | "SCHED_RR"
  | "SCHED_DEADLINE"
  | "SCHED_ISO";

/** What sched_setattr(2) sets. */
export interface Scheduler {
  readonly policy: SchedulerPolicy;
  /** For the policies OTHER and BATCH. */
  readonly nice?: number;
  /** For the policies FIFO and RR. */
  readonly priority?: number;
  /** "SCHED_FLAG_RESET_ON_FORK". */
  readonly flags?: readonly string[];
  /** Nanoseconds; for the policy DEADLINE, as are the two that follow. */
  readonly runtime?: number;
  readonly deadline?: number;
  readonly period?: number;
}

export type IOPriorityClass = "IOPRIO_CLASS_RT" | "IOPRIO_CLASS_BE" | "IOPRIO_CLASS_IDLE";

/** CPUs of a process that joins a running container, as lists: "0-3,7". */
export interface CPUAffinity {
  /** Before it is in the container's cgroup. */
  readonly initial?: string;
  /** From then on. */
  readonly final?: string;
}

export interface IOPriority {
  readonly class: IOPriorityClass;
  readonly priority: number;
}

export interface User {
  readonly uid: number;
  readonly gid: number;
  readonly umask?: number;
  readonly additionalGids?: readonly number[];
}

/** The five sets, as names: "CAP_CHOWN". */
export interface Capabilities {
  readonly bounding?: readonly string[];
  readonly effective?: readonly string[];
  readonly inheritable?: readonly string[];
  readonly permitted?: readonly string[];
  readonly ambient?: readonly string[];
}

export interface Rlimit {
  /** "RLIMIT_NOFILE". */
  readonly type: string;
  readonly soft: number;
  readonly hard: number;
}

export interface Mount {
  /** Absolute path in the container. */
  readonly destination: string;
  readonly type?: string;
  /** For a bind: absolute, or relative to the bundle. */
  readonly source?: string;
  /** Options as mount(8) and the specification name them; unknown ones are data for the filesystem. */
  readonly options?: readonly string[];
  readonly uidMappings?: readonly LinuxIDMapping[];
  readonly gidMappings?: readonly LinuxIDMapping[];
}

export interface Hooks {
  readonly prestart?: readonly Hook[];
  readonly createRuntime?: readonly Hook[];
  readonly createContainer?: readonly Hook[];
  readonly startContainer?: readonly Hook[];
  readonly poststart?: readonly Hook[];
  readonly poststop?: readonly Hook[];
}

export interface Hook {
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  /** Seconds. */
  readonly timeout?: number;
}

export interface Linux {
  readonly namespaces?: readonly LinuxNamespace[];
  readonly uidMappings?: readonly LinuxIDMapping[];
  readonly gidMappings?: readonly LinuxIDMapping[];
  readonly devices?: readonly LinuxDevice[];
  readonly timeOffsets?: Readonly<Record<string, TimeOffset>>;
  readonly cgroupsPath?: string;
  readonly resources?: LinuxResources;
  readonly rootfsPropagation?: string;
  readonly seccomp?: LinuxSeccomp;
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  readonly mountLabel?: string;
  readonly personality?: { readonly domain: "LINUX" | "LINUX32"; readonly flags?: readonly string[] };
  readonly intelRdt?: IntelRdt;
  readonly memoryPolicy?: MemoryPolicy;
  /** Network interfaces of the host's that move into the container, by their name on the host. */
  readonly netDevices?: Readonly<Record<string, { readonly name?: string }>>;
}

/** How far a clock of the container's time namespace is from the host's. The key is "monotonic" or "boottime". */
export interface TimeOffset {
  readonly secs?: number;
  readonly nanosecs?: number;
}

/** A group of /sys/fs/resctrl. */
export interface IntelRdt {
  /** Its directory; without one the container's ID. */
  readonly closID?: string;
  /** Lines of its file `schemata`, behind those of the two fields that follow. */
  readonly schemata?: readonly string[];
  readonly l3CacheSchema?: string;
  readonly memBwSchema?: string;
  readonly enableMonitoring?: boolean;
}

/** What set_mempolicy(2) sets. */
export interface MemoryPolicy {
  /** "MPOL_BIND". */
  readonly mode: string;
  /** A list: "0-3,7". */
  readonly nodes?: string;
  /** "MPOL_F_STATIC_NODES". */
  readonly flags?: readonly string[];
}

export type LinuxNamespaceType = "pid" | "network" | "mount" | "ipc" | "uts" | "user" | "cgroup" | "time";

export interface LinuxNamespace {
  readonly type: LinuxNamespaceType;
  /** An existing namespace to join, as a file: /proc/PID/ns/net. */
  readonly path?: string;
}

export interface LinuxIDMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export interface LinuxDevice {
  /** Absolute path in the container. */
  readonly path: string;
  /** Character (u is the same, unbuffered), block, or FIFO. */
  readonly type: "c" | "u" | "b" | "p";
  readonly major?: number;
  readonly minor?: number;
  /** Permission bits. */
  readonly fileMode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** Limits of the container's cgroup. Bytes and counts; -1 means none where the specification has signed numbers. */
export interface LinuxResources {
  readonly devices?: readonly LinuxDeviceCgroup[];
  readonly memory?: {
    readonly limit?: number;
    readonly reservation?: number;
    readonly swap?: number;
    readonly kernel?: number;
    readonly kernelTCP?: number;
    readonly swappiness?: number;
    readonly disableOOMKiller?: boolean;
    readonly useHierarchy?: boolean;
    readonly checkBeforeUpdate?: boolean;
  };
  readonly cpu?: {
    readonly shares?: number;
    readonly quota?: number;
    readonly burst?: number;
    readonly period?: number;
    readonly realtimeRuntime?: number;
    readonly realtimePeriod?: number;
    readonly cpus?: string;
    readonly mems?: string;
    readonly idle?: number;
  };
  readonly pids?: { readonly limit?: number };
  readonly blockIO?: LinuxBlockIO;
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[];
  readonly network?: {
    readonly classID?: number;
    readonly priorities?: readonly { readonly name: string; readonly priority: number }[];
  };
  /** By device: "mlx5_1". */
  readonly rdma?: Readonly<Record<string, { readonly hcaHandles?: number; readonly hcaObjects?: number }>>;
  readonly unified?: Readonly<Record<string, string>>;
}

export interface LinuxBlockIO {
  readonly weight?: number;
  readonly leafWeight?: number;
  readonly weightDevice?: readonly LinuxWeightDevice[];
  readonly throttleReadBpsDevice?: readonly LinuxThrottleDevice[];
  readonly throttleWriteBpsDevice?: readonly LinuxThrottleDevice[];
  readonly throttleReadIOPSDevice?: readonly LinuxThrottleDevice[];
  readonly throttleWriteIOPSDevice?: readonly LinuxThrottleDevice[];
}

export interface LinuxWeightDevice {
  readonly major: number;
  readonly minor: number;
  readonly weight?: number;
  readonly leafWeight?: number;
}

export interface LinuxThrottleDevice {
  readonly major: number;
  readonly minor: number;
  readonly rate: number;
}

export interface LinuxDeviceCgroup {
  readonly allow: boolean;
  readonly type?: "a" | "c" | "b";
  readonly major?: number;
  readonly minor?: number;
  readonly access?: string;
}
