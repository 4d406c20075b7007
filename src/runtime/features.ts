/** What this runtime can do, as the specification's features document says it (features.md, features-linux.md). */
import { commit, version } from "../base/version.ts";
import { capabilityNames } from "./capability.ts";

const words = (text: string): string[] => text.trim().split(/\s+/);

/** Options that "mounts" of a spec understands; all others are for the filesystem. */
const mountOptions = words(`
  async atime bind defaults dev diratime dirsync exec idmap iversion lazytime loud mand noatime nodev nodiratime noexec
  noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime
  remount rexec ridmap rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate
  rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid
  symfollow sync tmpcopyup unbindable
`);

const seccomp = {
  enabled: true,
  actions: words(`
    SCMP_ACT_ALLOW SCMP_ACT_ERRNO SCMP_ACT_KILL SCMP_ACT_KILL_PROCESS SCMP_ACT_KILL_THREAD SCMP_ACT_LOG
    SCMP_ACT_NOTIFY SCMP_ACT_TRACE SCMP_ACT_TRAP
  `),
  operators: words(`
    SCMP_CMP_EQ SCMP_CMP_GE SCMP_CMP_GT SCMP_CMP_LE SCMP_CMP_LT SCMP_CMP_MASKED_EQ SCMP_CMP_NE
  `),
  archs: words("SCMP_ARCH_AARCH64 SCMP_ARCH_ARM SCMP_ARCH_X32 SCMP_ARCH_X86 SCMP_ARCH_X86_64"),
  knownFlags: words(`
    SECCOMP_FILTER_FLAG_TSYNC SECCOMP_FILTER_FLAG_SPEC_ALLOW SECCOMP_FILTER_FLAG_LOG
    SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
  `),
  supportedFlags: words(`
    SECCOMP_FILTER_FLAG_TSYNC SECCOMP_FILTER_FLAG_SPEC_ALLOW SECCOMP_FILTER_FLAG_LOG
    SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
  `),
};

/** The document. Facts of this program, not of the host: every call gives the same. */
export function features(): Record<string, unknown> {
  return {
    ociVersionMin: "1.0.0",
    ociVersionMax: "1.3.0",
    hooks: words("prestart createRuntime createContainer startContainer poststart poststop"),
    mountOptions,
    linux: {
      namespaces: words("cgroup ipc mount network pid time user uts"),
      capabilities: capabilityNames,
      cgroup: { v1: true, v2: true, systemd: true, systemdUser: true, rdma: true },
      seccomp,
      apparmor: { enabled: true },
      selinux: { enabled: true },
      intelRdt: { enabled: true, schemata: true, monitoring: true },
      memoryPolicy: {
        modes: words(`
          MPOL_DEFAULT MPOL_BIND MPOL_INTERLEAVE MPOL_WEIGHTED_INTERLEAVE MPOL_PREFERRED MPOL_PREFERRED_MANY MPOL_LOCAL
        `),
        flags: words("MPOL_F_NUMA_BALANCING MPOL_F_RELATIVE_NODES MPOL_F_STATIC_NODES"),
      },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: true },
    },
    annotations: {
      "org.currunt.version": version,
      "org.currunt.commit": commit,
      "org.currunt.checkpoint.enabled": "true",
    },
    potentiallyUnsafeConfigAnnotations: ["org.criu.config", "org.systemd.property."],
  };
}
