/** The seccomp profile of a container that brings none: what ordinary programs call, and more with capabilities. */
import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
} from "../../ffi/kernel.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "./spec-seccomp.ts";
import type { Architecture } from "./syscalls.ts";
import { nativeArchitecture } from "./syscalls.ts";

/**
 * Allowed always. Left out are, as in docker's profile: what changes the host's clock, modules, swap, quotas or keyrings; mounts
 * and namespaces; `io_uring_*`, `userfaultfd`, `bpf` and `perf_event_open`, by which much of the kernel has been attacked; and
 * what only old or foreign programs need.
 */
const always = words`
  access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64
  fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync file_getattr flock
  fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd getdents getdents64 ioctl
  lchown lchown32 link linkat lseek _llseek lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open
  openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv rename renameat
  renameat2 rmdir sendfile sendfile64 splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range
  syncfs tee truncate truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes vmsplice write writev
  fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr lremovexattr
  lsetxattr removexattr removexattrat setxattr setxattrat
  listmount statmount fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch
  epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2
  io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit pipe pipe2 poll ppoll
  ppoll_time64 pselect6 pselect6_time64 select _newselect signalfd signalfd4 timerfd_create timerfd_gettime
  timerfd_gettime64 timerfd_settime timerfd_settime64
  accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64 recvmsg
  send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair
  ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink
  msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget
  brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2
  mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease remap_file_pages
  capget capset execve execveat exit exit_group fork getcpu getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups
  getgroups32 getpgid getpgrp getpid getppid getpriority getresgid getresgid32 getresuid getresuid32 getrlimit getrusage
  getsid gettid getuid getuid32 ioprio_get ioprio_set kill landlock_add_rule landlock_create_ruleset
  landlock_restrict_self pause pidfd_open pidfd_send_signal prctl prlimit64 process_vm_readv process_vm_writev ptrace rseq
  sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
  sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler
  sched_yield seccomp setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setpgid setpriority
  setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid setuid setuid32
  tgkill times tkill ugetrlimit uname vfork wait4 waitid waitpid
  futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake get_robust_list get_thread_area set_robust_list
  set_thread_area set_tid_address arch_prctl modify_ldt cacheflush breakpoint set_tls arm_fadvise64_64
  arm_sync_file_range sync_file_range2 uretprobe
  restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
  rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn
  adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
  clock_nanosleep clock_nanosleep_time64 getitimer getrandom gettimeofday nanosleep setitimer sysinfo time timer_create
  timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64`;

/** Allowed to a container that has the capability: without it the kernel would refuse most of them anyway. */
const withCapability: Readonly<Record<string, readonly string[]>> = {
  CAP_BPF: ["bpf"],
  CAP_DAC_READ_SEARCH: ["open_by_handle_at"],
  CAP_PERFMON: ["perf_event_open"],
  CAP_SYSLOG: ["syslog"],
  CAP_SYS_ADMIN: words`
    bpf clone clone3 fanotify_init file_setattr fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr
    lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree open_tree_attr perf_event_open pivot_root
    quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare`,
  CAP_SYS_BOOT: ["reboot"],
  CAP_SYS_CHROOT: ["chroot"],
  CAP_SYS_MODULE: ["delete_module", "finit_module", "init_module"],
  CAP_SYS_NICE: ["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"],
  CAP_SYS_PACCT: ["acct"],
  CAP_SYS_PTRACE: ["kcmp", "pidfd_getfd", "process_madvise"],
  CAP_SYS_RAWIO: ["ioperm", "iopl"],
  CAP_SYS_TIME: ["clock_settime", "clock_settime64", "settimeofday", "stime"],
  CAP_SYS_TTY_CONFIG: ["vhangup"],
};

const namespaceFlags =
  CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;

const ENOSYS = 38;

/** Allowed with certain arguments. Conditions on one argument of one entry are alternatives. */
const withArguments: readonly LinuxSyscall[] = [
  {
    names: ["personality"],
    action: "SCMP_ACT_ALLOW",
    // Linux, Linux with 32-bit names, both with UNAME26, and the question what it is.
    args: [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff].map((value) => lowWord(0xffff_ffff, value)),
  },
  {
    names: ["socket"],
    action: "SCMP_ACT_ALLOW",
    // Families 0 to 45 but 40, AF_VSOCK, which reaches the host behind every namespace.
    args: [
      lowWord(0xffff_ffe0, 0),
      lowWord(0xffff_fff8, 32),
      lowWord(0xffff_ffff, 41),
      lowWord(0xffff_fffe, 42),
      lowWord(0xffff_fffe, 44),
    ],
  },
];

const withoutSysAdmin: readonly LinuxSyscall[] = [
  { names: ["clone"], action: "SCMP_ACT_ALLOW", args: [lowWord(namespaceFlags, 0)] },
  // Its flags lie in memory, where a filter cannot see them: a C library then falls back to clone.
  { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS },
];

/** The ABIs of each machine's own programs. */
const abis: Readonly<Partial<Record<Architecture, readonly string[]>>> = {
  x86_64: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  aarch64: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
};

/** The default profile for a container whose bounding set is `capabilities` (names of config.json). */
export function defaultSeccompProfile(
  capabilities: readonly string[],
  machine: Architecture = nativeArchitecture,
): LinuxSeccomp {
  const granted = capabilities.flatMap((name) => withCapability[name] ?? []);
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    architectures: abis[machine] ?? [],
    syscalls: [
      { names: [...always, ...granted], action: "SCMP_ACT_ALLOW" },
      ...withArguments,
      ...(capabilities.includes("CAP_SYS_ADMIN") ? [] : withoutSysAdmin),
    ],
  };
}

/** The argument's lower word, masked, equals `value`: the kernel's parameter is an int, the upper word is not looked at. */
function lowWord(mask: number, value: number): LinuxSeccompArg {
  return { index: 0, op: "SCMP_CMP_MASKED_EQ", value: mask, valueTwo: value };
}

function words(text: TemplateStringsArray): string[] {
  return (text[0] ?? "").trim().split(/\s+/);
}
