/** Kernel and C library structs and constants, in C spelling, grouped by the header that defines them. */
import { addressOf } from "./memory.ts";
import { struct } from "./struct.ts";

/*
 * The unit test compiles every name against the header of its section: add a name below the right one. Numbers are
 * those of x86-64 and arm64; where the two differ, the value asks which of them this is. Structs are marked pure, so that
 * a build leaves out those that nobody uses.
 */

/** The C library has its own numbers for a few flags on arm64. */
const arm64 = process.arch === "arm64";

// <linux/mount.h>
export const MS_RDONLY = 0x1;
export const MS_NOSUID = 0x2;
export const MS_NODEV = 0x4;
export const MS_NOEXEC = 0x8;
export const MS_SYNCHRONOUS = 0x10;
export const MS_REMOUNT = 0x20;
export const MS_MANDLOCK = 0x40;
export const MS_DIRSYNC = 0x80;
export const MS_NOSYMFOLLOW = 0x100;
export const MS_NOATIME = 0x400;
export const MS_NODIRATIME = 0x800;
export const MS_BIND = 0x1000;
export const MS_MOVE = 0x2000;
export const MS_REC = 0x4000;
export const MS_SILENT = 0x8000;
export const MS_UNBINDABLE = 0x20000;
export const MS_PRIVATE = 0x40000;
export const MS_SLAVE = 0x80000;
export const MS_SHARED = 0x100000;
export const MS_RELATIME = 0x200000;
export const MS_I_VERSION = 0x800000;
export const MS_STRICTATIME = 0x1000000;
export const MS_LAZYTIME = 0x2000000;

export const OPEN_TREE_CLONE = 0x1;
export const OPEN_TREE_CLOEXEC = 0x80000;

export const MOVE_MOUNT_F_SYMLINKS = 0x1;
export const MOVE_MOUNT_F_AUTOMOUNTS = 0x2;
export const MOVE_MOUNT_F_EMPTY_PATH = 0x4;
export const MOVE_MOUNT_T_SYMLINKS = 0x10;
export const MOVE_MOUNT_T_AUTOMOUNTS = 0x20;
export const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
export const MOVE_MOUNT_SET_GROUP = 0x100;
export const MOVE_MOUNT_BENEATH = 0x200;

export const FSOPEN_CLOEXEC = 0x1;
export const FSPICK_CLOEXEC = 0x1;
export const FSPICK_SYMLINK_NOFOLLOW = 0x2;
export const FSPICK_NO_AUTOMOUNT = 0x4;
export const FSPICK_EMPTY_PATH = 0x8;
export const FSMOUNT_CLOEXEC = 0x1;

export const FSCONFIG_SET_FLAG = 0;
export const FSCONFIG_SET_STRING = 1;
export const FSCONFIG_SET_BINARY = 2;
export const FSCONFIG_SET_PATH = 3;
export const FSCONFIG_SET_PATH_EMPTY = 4;
export const FSCONFIG_SET_FD = 5;
export const FSCONFIG_CMD_CREATE = 6;
export const FSCONFIG_CMD_RECONFIGURE = 7;
export const FSCONFIG_CMD_CREATE_EXCL = 8;

export const MOUNT_ATTR_RDONLY = 0x1;
export const MOUNT_ATTR_NOSUID = 0x2;
export const MOUNT_ATTR_NODEV = 0x4;
export const MOUNT_ATTR_NOEXEC = 0x8;
export const MOUNT_ATTR__ATIME = 0x70;
export const MOUNT_ATTR_RELATIME = 0x0;
export const MOUNT_ATTR_NOATIME = 0x10;
export const MOUNT_ATTR_STRICTATIME = 0x20;
export const MOUNT_ATTR_NODIRATIME = 0x80;
export const MOUNT_ATTR_IDMAP = 0x100000;
export const MOUNT_ATTR_NOSYMFOLLOW = 0x200000;
export const mount_attr = /* @__PURE__ */ struct("mount_attr", {
  attr_set: "u64",
  attr_clr: "u64",
  propagation: "u64",
  userns_fd: "u64",
});

// <sys/mount.h>
export const MNT_FORCE = 0x1;
export const MNT_DETACH = 0x2;
export const MNT_EXPIRE = 0x4;
export const UMOUNT_NOFOLLOW = 0x8;

// <linux/openat2.h>
export const RESOLVE_NO_XDEV = 0x1;
export const RESOLVE_NO_MAGICLINKS = 0x2;
export const RESOLVE_NO_SYMLINKS = 0x4;
export const RESOLVE_BENEATH = 0x8;
export const RESOLVE_IN_ROOT = 0x10;
export const RESOLVE_CACHED = 0x20;
export const open_how = /* @__PURE__ */ struct("open_how", { flags: "u64", mode: "u64", resolve: "u64" });

// <fcntl.h>
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_ACCMODE = 3;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NOCTTY = 0o400;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
export const O_DSYNC = 0o10000;
export const O_SYNC = 0o4010000;
export const O_CLOEXEC = 0o2000000;
export const O_NOATIME = 0o1000000;
export const O_PATH = 0o10000000;
export const O_DIRECTORY = arm64 ? 0o40000 : 0o200000;
export const O_NOFOLLOW = arm64 ? 0o100000 : 0o400000;
export const O_DIRECT = arm64 ? 0o200000 : 0o40000;
export const O_TMPFILE = arm64 ? 0o20040000 : 0o20200000;

// <fcntl.h>
export const F_DUPFD = 0;
export const F_GETFD = 1;
export const F_SETFD = 2;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_DUPFD_CLOEXEC = 1030;
export const FD_CLOEXEC = 1;
export const F_OFD_GETLK = 36;
export const F_OFD_SETLK = 37;
export const F_OFD_SETLKW = 38;
export const F_SETPIPE_SZ = 1031;
export const F_GETPIPE_SZ = 1032;
export const F_ADD_SEALS = 1033;
export const F_GET_SEALS = 1034;
export const F_RDLCK = 0;
export const F_WRLCK = 1;
export const F_UNLCK = 2;

// <fcntl.h>
export const F_SEAL_SEAL = 0x1;
export const F_SEAL_SHRINK = 0x2;
export const F_SEAL_GROW = 0x4;
export const F_SEAL_WRITE = 0x8;
export const F_SEAL_FUTURE_WRITE = 0x10;
export const F_SEAL_EXEC = 0x20;

export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_SYMLINK_FOLLOW = 0x400;
export const AT_NO_AUTOMOUNT = 0x800;
export const AT_EMPTY_PATH = 0x1000;
export const AT_RECURSIVE = 0x8000;
export const AT_EACCESS = 0x200;
export const AT_FDCWD = -100;

export const FALLOC_FL_KEEP_SIZE = 0x1;
export const FALLOC_FL_PUNCH_HOLE = 0x2;

// <sys/file.h>
export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const LOCK_UN = 8;

// <unistd.h>
export const SEEK_SET = 0;
export const SEEK_CUR = 1;
export const SEEK_END = 2;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;

// <sys/mman.h>
export const PROT_READ = 0x1;
export const PROT_WRITE = 0x2;
export const PROT_EXEC = 0x4;
export const MAP_PRIVATE = 0x2;
export const MAP_ANONYMOUS = 0x20;

// <linux/memfd.h>
export const MFD_CLOEXEC = 0x1;
export const MFD_ALLOW_SEALING = 0x2;
export const MFD_NOEXEC_SEAL = 0x8;
export const MFD_EXEC = 0x10;

// <linux/close_range.h>
export const CLOSE_RANGE_UNSHARE = 0x2;
export const CLOSE_RANGE_CLOEXEC = 0x4;

// <sys/stat.h>
export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o60000;
export const S_IFDIR = 0o40000;
export const S_IFCHR = 0o20000;
export const S_IFIFO = 0o10000;
export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;
export const S_ISVTX = 0o1000;

// <linux/stat.h>
export const STATX_TYPE = 0x1;
export const STATX_MODE = 0x2;
export const STATX_NLINK = 0x4;
export const STATX_UID = 0x8;
export const STATX_GID = 0x10;
export const STATX_ATIME = 0x20;
export const STATX_MTIME = 0x40;
export const STATX_CTIME = 0x80;
export const STATX_INO = 0x100;
export const STATX_SIZE = 0x200;
export const STATX_BLOCKS = 0x400;
export const STATX_BASIC_STATS = 0x7ff;
export const STATX_BTIME = 0x800;
export const STATX_MNT_ID = 0x1000;
export const STATX_ATTR_MOUNT_ROOT = 0x2000;
export const statx = /* @__PURE__ */ struct("statx", {
  stx_mask: "u32",
  stx_blksize: "u32",
  stx_attributes: "u64",
  stx_nlink: "u32",
  stx_uid: "u32",
  stx_gid: "u32",
  stx_mode: "u16",
  stx_ino: "u64",
  stx_size: "u64",
  stx_blocks: "u64",
  stx_attributes_mask: "u64",
  stx_atime: { bytes: 16 },
  stx_btime: { bytes: 16 },
  stx_ctime: { bytes: 16 },
  stx_mtime: { bytes: 16 },
  stx_rdev_major: "u32",
  stx_rdev_minor: "u32",
  stx_dev_major: "u32",
  stx_dev_minor: "u32",
  stx_mnt_id: "u64",
  stx_dio_mem_align: "u32",
  stx_dio_offset_align: "u32",
  __spare3: { bytes: 96 },
});
export const statx_timestamp = /* @__PURE__ */ struct("statx_timestamp", {
  tv_sec: "i64",
  tv_nsec: "u32",
  __reserved: "i32",
});

// <linux/fs.h>
export const RENAME_NOREPLACE = 0x1;
export const RENAME_EXCHANGE = 0x2;
export const RENAME_WHITEOUT = 0x4;
export const FICLONE = 0x40049409;
export const FS_IOC_GETFLAGS = 0x80086601;
export const FS_IOC_SETFLAGS = 0x40086602;

// <linux/xattr.h>
export const XATTR_CREATE = 1;
export const XATTR_REPLACE = 2;

// <linux/magic.h>
export const AUTOFS_SUPER_MAGIC = 0x187;
export const BPF_FS_MAGIC = 0xcafe4a11;
export const BTRFS_SUPER_MAGIC = 0x9123683e;
export const CGROUP_SUPER_MAGIC = 0x27e0eb;
export const CGROUP2_SUPER_MAGIC = 0x63677270;
export const DEVPTS_SUPER_MAGIC = 0x1cd1;
export const EXT4_SUPER_MAGIC = 0xef53;
export const EROFS_SUPER_MAGIC_V1 = 0xe0f5e1e2;
export const FUSE_SUPER_MAGIC = 0x65735546;
export const NFS_SUPER_MAGIC = 0x6969;
export const NSFS_MAGIC = 0x6e736673;
export const OVERLAYFS_SUPER_MAGIC = 0x794c7630;
export const PROC_SUPER_MAGIC = 0x9fa0;
export const RAMFS_MAGIC = 0x858458f6;
export const SECURITYFS_MAGIC = 0x73636673;
export const SELINUX_MAGIC = 0xf97cff8c;
export const SYSFS_MAGIC = 0x62656572;
export const TMPFS_MAGIC = 0x1021994;
export const XFS_SUPER_MAGIC = 0x58465342;

// <sys/vfs.h>
export const statfs = /* @__PURE__ */ struct("statfs", {
  f_type: "i64",
  f_bsize: "i64",
  f_blocks: "u64",
  f_bfree: "u64",
  f_bavail: "u64",
  f_files: "u64",
  f_ffree: "u64",
  f_fsid: { bytes: 8 },
  f_namelen: "i64",
  f_frsize: "i64",
  f_flags: "i64",
  f_spare: { bytes: 32 },
});

// <sys/statvfs.h>
export const ST_RDONLY = 0x1;
export const ST_NOSUID = 0x2;
export const ST_NODEV = 0x4;
export const ST_NOEXEC = 0x8;
export const ST_SYNCHRONOUS = 0x10;
export const ST_MANDLOCK = 0x40;
export const ST_NOATIME = 0x400;
export const ST_NODIRATIME = 0x800;
export const ST_RELATIME = 0x1000;

// <sys/stat.h>
export const UTIME_NOW = 0x3fffffff;
export const UTIME_OMIT = 0x3ffffffe;

// <time.h>
export const timespec = /* @__PURE__ */ struct("timespec", { tv_sec: "i64", tv_nsec: "i64" });

export const CLOCK_REALTIME = 0;
export const CLOCK_MONOTONIC = 1;
export const CLOCK_BOOTTIME = 7;

// <linux/sched.h>
export const CLONE_VM = 0x100;
export const CLONE_FS = 0x200;
export const CLONE_FILES = 0x400;
export const CLONE_SIGHAND = 0x800;
export const CLONE_PIDFD = 0x1000;
export const CLONE_VFORK = 0x4000;
export const CLONE_PARENT = 0x8000;
export const CLONE_THREAD = 0x10000;
export const CLONE_NEWNS = 0x20000;
export const CLONE_NEWCGROUP = 0x2000000;
export const CLONE_NEWUTS = 0x4000000;
export const CLONE_NEWIPC = 0x8000000;
export const CLONE_NEWUSER = 0x10000000;
export const CLONE_NEWPID = 0x20000000;
export const CLONE_NEWNET = 0x40000000;
export const CLONE_NEWTIME = 0x80;
export const CLONE_IO = 0x80000000;
export const CLONE_CLEAR_SIGHAND = 0x100000000;
export const CLONE_INTO_CGROUP = 0x200000000;
export const clone_args = /* @__PURE__ */ struct("clone_args", {
  flags: "u64",
  pidfd: "u64",
  child_tid: "u64",
  parent_tid: "u64",
  exit_signal: "u64",
  stack: "u64",
  stack_size: "u64",
  tls: "u64",
  set_tid: "u64",
  set_tid_size: "u64",
  cgroup: "u64",
});

// <linux/sched.h>
export const SCHED_NORMAL = 0;
export const SCHED_FIFO = 1;
export const SCHED_RR = 2;
export const SCHED_BATCH = 3;
export const SCHED_IDLE = 5;
export const SCHED_DEADLINE = 6;

// <linux/sched.h>
export const SCHED_FLAG_RESET_ON_FORK = 0x1;
export const SCHED_FLAG_RECLAIM = 0x2;
export const SCHED_FLAG_DL_OVERRUN = 0x4;
export const SCHED_FLAG_KEEP_POLICY = 0x8;
export const SCHED_FLAG_KEEP_PARAMS = 0x10;
export const SCHED_FLAG_UTIL_CLAMP_MIN = 0x20;
export const SCHED_FLAG_UTIL_CLAMP_MAX = 0x40;

// <linux/sched/types.h>
export const sched_attr = /* @__PURE__ */ struct("sched_attr", {
  size: "u32",
  sched_policy: "u32",
  sched_flags: "u64",
  sched_nice: "i32",
  sched_priority: "u32",
  sched_runtime: "u64",
  sched_deadline: "u64",
  sched_period: "u64",
  sched_util_min: "u32",
  sched_util_max: "u32",
});

// <linux/ioprio.h>
export const IOPRIO_CLASS_NONE = 0;
export const IOPRIO_CLASS_RT = 1;
export const IOPRIO_CLASS_BE = 2;
export const IOPRIO_CLASS_IDLE = 3;
export const IOPRIO_CLASS_SHIFT = 13;
export const IOPRIO_WHO_PROCESS = 1;

// <linux/mempolicy.h>
export const MPOL_DEFAULT = 0;
export const MPOL_PREFERRED = 1;
export const MPOL_BIND = 2;
export const MPOL_INTERLEAVE = 3;
export const MPOL_LOCAL = 4;
export const MPOL_PREFERRED_MANY = 5;
export const MPOL_WEIGHTED_INTERLEAVE = 6;

// <linux/mempolicy.h>
export const MPOL_F_STATIC_NODES = 0x8000;
export const MPOL_F_RELATIVE_NODES = 0x4000;
export const MPOL_F_NUMA_BALANCING = 0x2000;

// <linux/personality.h>
export const PER_LINUX = 0x0;
export const PER_LINUX32 = 0x8;
export const ADDR_NO_RANDOMIZE = 0x40000;
export const READ_IMPLIES_EXEC = 0x400000;

// <linux/nsfs.h>
export const NS_GET_USERNS = 0xb701;
export const NS_GET_PARENT = 0xb702;
export const NS_GET_NSTYPE = 0xb703;
export const NS_GET_OWNER_UID = 0xb704;

// <linux/keyctl.h>
export const KEYCTL_JOIN_SESSION_KEYRING = 1;

// <linux/limits.h>
export const PATH_MAX = 4096;
export const NAME_MAX = 255;
export const NGROUPS_MAX = 65536;

// <linux/prctl.h>
export const PR_SET_PDEATHSIG = 1;
export const PR_GET_PDEATHSIG = 2;
export const PR_GET_DUMPABLE = 3;
export const PR_SET_DUMPABLE = 4;
export const PR_GET_KEEPCAPS = 7;
export const PR_SET_KEEPCAPS = 8;
export const PR_SET_NAME = 15;
export const PR_GET_NAME = 16;
export const PR_GET_SECCOMP = 21;
export const PR_SET_SECCOMP = 22;
export const PR_CAPBSET_READ = 23;
export const PR_CAPBSET_DROP = 24;
export const PR_GET_SECUREBITS = 27;
export const PR_SET_SECUREBITS = 28;
export const PR_SET_TIMERSLACK = 29;
export const PR_SET_CHILD_SUBREAPER = 36;
export const PR_GET_CHILD_SUBREAPER = 37;
export const PR_SET_NO_NEW_PRIVS = 38;
export const PR_GET_NO_NEW_PRIVS = 39;
export const PR_SET_THP_DISABLE = 41;
export const PR_CAP_AMBIENT = 47;
export const PR_CAP_AMBIENT_IS_SET = 1;
export const PR_CAP_AMBIENT_RAISE = 2;
export const PR_CAP_AMBIENT_LOWER = 3;
export const PR_CAP_AMBIENT_CLEAR_ALL = 4;
export const PR_SCHED_CORE = 62;

// <linux/capability.h>
export const _LINUX_CAPABILITY_VERSION_3 = 0x20080522;
export const VFS_CAP_REVISION_MASK = 0xff000000;
export const VFS_CAP_REVISION_2 = 0x2000000;
export const VFS_CAP_REVISION_3 = 0x3000000;
export const VFS_CAP_FLAGS_EFFECTIVE = 0x1;
export const __user_cap_header_struct = /* @__PURE__ */ struct("__user_cap_header_struct", {
  version: "u32",
  pid: "i32",
});
export const __user_cap_data_struct = /* @__PURE__ */ struct("__user_cap_data_struct", {
  effective: "u32",
  permitted: "u32",
  inheritable: "u32",
});

// <linux/securebits.h>
export const SECBIT_NOROOT = 0x1;
export const SECBIT_NO_SETUID_FIXUP = 0x4;
export const SECBIT_KEEP_CAPS = 0x10;
export const SECBIT_NO_CAP_AMBIENT_RAISE = 0x40;

// <linux/filter.h>
export const BPF_LD = 0x0;
export const BPF_ALU = 0x4;
export const BPF_JMP = 0x5;
export const BPF_RET = 0x6;
export const BPF_W = 0x0;
export const BPF_ABS = 0x20;
export const BPF_AND = 0x50;
export const BPF_JA = 0x0;
export const BPF_JEQ = 0x10;
export const BPF_JGT = 0x20;
export const BPF_JGE = 0x30;
export const BPF_JSET = 0x40;
export const BPF_K = 0x0;
export const sock_filter = /* @__PURE__ */ struct("sock_filter", {
  code: "u16",
  jt: "u8",
  jf: "u8",
  k: "u32",
});
export const sock_fprog = /* @__PURE__ */ struct("sock_fprog", { len: "u16", filter: "ptr" }, addressOf);

// <linux/filter.h>
export const BPF_MAXINSNS = 4096;

// <linux/bpf.h>
export const BPF_PROG_LOAD = 5;
export const BPF_PROG_ATTACH = 8;
export const BPF_PROG_DETACH = 9;
export const BPF_PROG_GET_FD_BY_ID = 13;
export const BPF_PROG_QUERY = 16;
export const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
export const BPF_CGROUP_DEVICE = 6;
export const BPF_F_ALLOW_MULTI = 0x2;
export const BPF_F_REPLACE = 0x4;
export const BPF_DEVCG_ACC_MKNOD = 1;
export const BPF_DEVCG_ACC_READ = 2;
export const BPF_DEVCG_ACC_WRITE = 4;
export const BPF_DEVCG_DEV_BLOCK = 1;
export const BPF_DEVCG_DEV_CHAR = 2;
export const bpf_cgroup_dev_ctx = /* @__PURE__ */ struct("bpf_cgroup_dev_ctx", {
  access_type: "u32",
  major: "u32",
  minor: "u32",
});

// <linux/seccomp.h>
export const SECCOMP_MODE_FILTER = 2;
export const SECCOMP_SET_MODE_FILTER = 1;
export const SECCOMP_GET_ACTION_AVAIL = 2;
export const SECCOMP_GET_NOTIF_SIZES = 3;

// <linux/seccomp.h>
export const SECCOMP_FILTER_FLAG_TSYNC = 0x1;
export const SECCOMP_FILTER_FLAG_LOG = 0x2;
export const SECCOMP_FILTER_FLAG_SPEC_ALLOW = 0x4;
export const SECCOMP_FILTER_FLAG_NEW_LISTENER = 0x8;
export const SECCOMP_FILTER_FLAG_TSYNC_ESRCH = 0x10;
export const SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV = 0x20;

export const SECCOMP_RET_KILL_PROCESS = 0x80000000;
export const SECCOMP_RET_KILL_THREAD = 0x0;
export const SECCOMP_RET_TRAP = 0x30000;
export const SECCOMP_RET_ERRNO = 0x50000;
export const SECCOMP_RET_USER_NOTIF = 0x7fc00000;
export const SECCOMP_RET_TRACE = 0x7ff00000;
export const SECCOMP_RET_LOG = 0x7ffc0000;
export const SECCOMP_RET_ALLOW = 0x7fff0000;
export const SECCOMP_RET_ACTION_FULL = 0xffff0000;
export const SECCOMP_RET_DATA = 0xffff;
export const seccomp_data = /* @__PURE__ */ struct("seccomp_data", {
  nr: "i32",
  arch: "u32",
  instruction_pointer: "u64",
  args: { bytes: 48 },
});

// <linux/audit.h>
export const AUDIT_ARCH_X86_64 = 0xc000003e;
export const AUDIT_ARCH_I386 = 0x40000003;
export const AUDIT_ARCH_AARCH64 = 0xc00000b7;
export const AUDIT_ARCH_ARM = 0x40000028;

// <signal.h>
export const SIGHUP = 1;
export const SIGINT = 2;
export const SIGQUIT = 3;
export const SIGILL = 4;
export const SIGTRAP = 5;
export const SIGABRT = 6;
export const SIGBUS = 7;
export const SIGFPE = 8;
export const SIGKILL = 9;
export const SIGUSR1 = 10;
export const SIGSEGV = 11;
export const SIGUSR2 = 12;
export const SIGPIPE = 13;
export const SIGALRM = 14;
export const SIGTERM = 15;
export const SIGSTKFLT = 16;
export const SIGCHLD = 17;
export const SIGCONT = 18;
export const SIGSTOP = 19;
export const SIGTSTP = 20;
export const SIGTTIN = 21;
export const SIGTTOU = 22;
export const SIGURG = 23;
export const SIGXCPU = 24;
export const SIGXFSZ = 25;
export const SIGVTALRM = 26;
export const SIGPROF = 27;
export const SIGWINCH = 28;
export const SIGIO = 29;
export const SIGPWR = 30;
export const SIGSYS = 31;

export const SIG_BLOCK = 0;
export const SIG_UNBLOCK = 1;
export const SIG_SETMASK = 2;
export const CLD_EXITED = 1;
export const CLD_KILLED = 2;
export const CLD_DUMPED = 3;
export const CLD_STOPPED = 5;
export const CLD_CONTINUED = 6;
export const siginfo_t = /* @__PURE__ */ struct("siginfo_t", {
  si_signo: "i32",
  si_errno: "i32",
  si_code: "i32",
  __pad0: "i32",
  si_pid: "i32",
  si_uid: "u32",
  si_status: "i32",
  __pad: { bytes: 100 },
});

// <sys/wait.h>
export const P_ALL = 0;
export const P_PID = 1;
export const P_PGID = 2;
export const P_PIDFD = 3;

// <sys/wait.h>
export const WNOHANG = 0x1;
export const WUNTRACED = 0x2;
export const WEXITED = 0x4;
export const WSTOPPED = 0x2;
export const WCONTINUED = 0x8;
export const WNOWAIT = 0x1000000;

// <spawn.h>
export const POSIX_SPAWN_RESETIDS = 0x1;
export const POSIX_SPAWN_SETPGROUP = 0x2;
export const POSIX_SPAWN_SETSIGDEF = 0x4;
export const POSIX_SPAWN_SETSIGMASK = 0x8;
export const POSIX_SPAWN_SETSID = 0x80;

// <sys/resource.h>
export const RLIMIT_CPU = 0;
export const RLIMIT_FSIZE = 1;
export const RLIMIT_DATA = 2;
export const RLIMIT_STACK = 3;
export const RLIMIT_CORE = 4;
export const RLIMIT_RSS = 5;
export const RLIMIT_NPROC = 6;
export const RLIMIT_NOFILE = 7;
export const RLIMIT_MEMLOCK = 8;
export const RLIMIT_AS = 9;
export const RLIMIT_LOCKS = 10;
export const RLIMIT_SIGPENDING = 11;
export const RLIMIT_MSGQUEUE = 12;
export const RLIMIT_NICE = 13;
export const RLIMIT_RTPRIO = 14;
export const RLIMIT_RTTIME = 15;
export const RLIM_INFINITY = 0xffffffffffffffffn;
export const rlimit64 = /* @__PURE__ */ struct("rlimit64", { rlim_cur: "u64", rlim_max: "u64" });

// <poll.h>
export const POLLIN = 0x1;
export const POLLPRI = 0x2;
export const POLLOUT = 0x4;
export const POLLERR = 0x8;
export const POLLHUP = 0x10;
export const POLLNVAL = 0x20;
export const POLLRDHUP = 0x2000;
export const pollfd = /* @__PURE__ */ struct("pollfd", { fd: "i32", events: "i16", revents: "i16" });

// <termios.h>
export const IGNBRK = 1;
export const BRKINT = 2;
export const IGNPAR = 4;
export const PARMRK = 0o10;
export const INPCK = 0o20;
export const ISTRIP = 0o40;
export const INLCR = 0o100;
export const IGNCR = 0o200;
export const ICRNL = 0o400;
export const IXON = 0o2000;
export const IXANY = 0o4000;
export const IXOFF = 0o10000;
export const IMAXBEL = 0o20000;
export const IUTF8 = 0o40000;
export const OPOST = 1;
export const ONLCR = 4;
export const CSIZE = 0o60;
export const CS8 = 0o60;
export const PARENB = 0o400;
export const CREAD = 0o200;
export const ISIG = 1;
export const ICANON = 2;
export const ECHO = 0o10;
export const ECHOE = 0o20;
export const ECHOK = 0o40;
export const ECHONL = 0o100;
export const NOFLSH = 0o200;
export const TOSTOP = 0o400;
export const ECHOCTL = 0o1000;
export const ECHOKE = 0o4000;
export const IEXTEN = 0o100000;

// <termios.h>
export const VINTR = 0;
export const VQUIT = 1;
export const VERASE = 2;
export const VKILL = 3;
export const VEOF = 4;
export const VTIME = 5;
export const VMIN = 6;
export const VSTART = 8;
export const VSTOP = 9;
export const VSUSP = 10;
export const TCSANOW = 0;
export const TCSADRAIN = 1;
export const TCSAFLUSH = 2;
export const termios = /* @__PURE__ */ struct("termios", {
  c_iflag: "u32",
  c_oflag: "u32",
  c_cflag: "u32",
  c_lflag: "u32",
  c_line: "u8",
  c_cc: { bytes: 32 },
  c_ispeed: "u32",
  c_ospeed: "u32",
});

// <sys/ioctl.h>
export const TCGETS = 0x5401;
export const TCSETS = 0x5402;
export const TIOCSCTTY = 0x540e;
export const TIOCNOTTY = 0x5422;
export const TIOCGPGRP = 0x540f;
export const TIOCSPGRP = 0x5410;
export const TIOCGSID = 0x5429;
export const TIOCGWINSZ = 0x5413;
export const TIOCSWINSZ = 0x5414;
export const TIOCGPTN = 0x80045430;
export const TIOCSPTLCK = 0x40045431;
export const TIOCGPTLCK = 0x80045439;
export const TIOCGPTPEER = 0x5441;
export const TIOCSTI = 0x5412;
export const FIONREAD = 0x541b;
export const FIONBIO = 0x5421;
export const FIOCLEX = 0x5451;
export const SIOCGIFFLAGS = 0x8913;
export const SIOCSIFFLAGS = 0x8914;
export const SIOCGIFINDEX = 0x8933;
export const winsize = /* @__PURE__ */ struct("winsize", {
  ws_row: "u16",
  ws_col: "u16",
  ws_xpixel: "u16",
  ws_ypixel: "u16",
});

// <sys/socket.h>
export const AF_UNSPEC = 0;
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const AF_VSOCK = 40;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_SEQPACKET = 5;
export const SOL_SOCKET = 1;
export const SOL_NETLINK = 270;
export const SO_REUSEADDR = 2;
export const SO_TYPE = 3;
export const SO_ERROR = 4;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_PASSCRED = 16;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const SO_BINDTODEVICE = 25;
export const SCM_RIGHTS = 1;
export const SCM_CREDENTIALS = 2;
export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;

// <sys/socket.h>
export const SOCK_CLOEXEC = 0x80000;
export const MSG_PEEK = 0x2;
export const MSG_CTRUNC = 0x8;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_CMSG_CLOEXEC = 0x40000000;
export const msghdr = /* @__PURE__ */ struct(
  "msghdr",
  {
    msg_name: "ptr",
    msg_namelen: "u32",
    msg_iov: "ptr",
    msg_iovlen: "u64",
    msg_control: "ptr",
    msg_controllen: "u64",
    msg_flags: "i32",
  },
  addressOf,
);
export const cmsghdr = /* @__PURE__ */ struct("cmsghdr", {
  cmsg_len: "u64",
  cmsg_level: "i32",
  cmsg_type: "i32",
});
export const iovec = /* @__PURE__ */ struct("iovec", { iov_base: "ptr", iov_len: "u64" }, addressOf);

// <sys/un.h>
export const sockaddr_un = /* @__PURE__ */ struct("sockaddr_un", {
  sun_family: "u16",
  sun_path: { bytes: 108 },
});

// <netinet/in.h>
export const sockaddr_in = /* @__PURE__ */ struct("sockaddr_in", {
  sin_family: "u16",
  sin_port: "u16",
  sin_addr: { bytes: 4 },
  sin_zero: { bytes: 8 },
});
export const sockaddr_in6 = /* @__PURE__ */ struct("sockaddr_in6", {
  sin6_family: "u16",
  sin6_port: "u16",
  sin6_flowinfo: "u32",
  sin6_addr: { bytes: 16 },
  sin6_scope_id: "u32",
});

// <net/if.h>
export const IFF_UP = 0x1;
export const IFF_BROADCAST = 0x2;
export const IFF_LOOPBACK = 0x8;
export const IFF_RUNNING = 0x40;
export const IFF_PROMISC = 0x100;
export const IFF_MULTICAST = 0x1000;
export const IFNAMSIZ = 16;

// <linux/netlink.h>
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
export const NETLINK_GENERIC = 16;
export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NETLINK_EXT_ACK = 11;
export const NETLINK_CAP_ACK = 10;
export const NETLINK_GET_STRICT_CHK = 12;
export const NLMSGERR_ATTR_MSG = 1;
export const NLMSGERR_ATTR_OFFS = 2;

// <linux/netlink.h>
export const NLM_F_REQUEST = 0x1;
export const NLM_F_MULTI = 0x2;
export const NLM_F_ACK = 0x4;
export const NLM_F_ECHO = 0x8;
export const NLM_F_ROOT = 0x100;
export const NLM_F_MATCH = 0x200;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
export const NLM_F_CAPPED = 0x100;
export const NLM_F_ACK_TLVS = 0x200;
export const NLA_F_NESTED = 0x8000;
export const NLA_F_NET_BYTEORDER = 0x4000;
export const NLA_TYPE_MASK = -49153;
export const sockaddr_nl = /* @__PURE__ */ struct("sockaddr_nl", {
  nl_family: "u16",
  nl_pad: "u16",
  nl_pid: "u32",
  nl_groups: "u32",
});
export const nlmsghdr = /* @__PURE__ */ struct("nlmsghdr", {
  nlmsg_len: "u32",
  nlmsg_type: "u16",
  nlmsg_flags: "u16",
  nlmsg_seq: "u32",
  nlmsg_pid: "u32",
});
export const nlattr = /* @__PURE__ */ struct("nlattr", { nla_len: "u16", nla_type: "u16" });

// <linux/rtnetlink.h>
export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_SETLINK = 19;
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;
export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;
export const RTM_NEWNSID = 88;
export const RTM_GETNSID = 90;
export const RTA_DST = 1;
export const RTA_OIF = 4;
export const RTA_GATEWAY = 5;
export const RTA_PRIORITY = 6;
export const RTA_PREFSRC = 7;
export const RTA_TABLE = 15;
export const RTN_UNICAST = 1;
export const RTN_LOCAL = 2;
export const RT_TABLE_MAIN = 254;
export const RTPROT_BOOT = 3;
export const RTPROT_STATIC = 4;
export const RTPROT_KERNEL = 2;
export const RT_SCOPE_UNIVERSE = 0;
export const RT_SCOPE_LINK = 253;
export const RT_SCOPE_HOST = 254;
export const rtmsg = /* @__PURE__ */ struct("rtmsg", {
  rtm_family: "u8",
  rtm_dst_len: "u8",
  rtm_src_len: "u8",
  rtm_tos: "u8",
  rtm_table: "u8",
  rtm_protocol: "u8",
  rtm_scope: "u8",
  rtm_type: "u8",
  rtm_flags: "u32",
});
export const ifinfomsg = /* @__PURE__ */ struct("ifinfomsg", {
  ifi_family: "u8",
  __ifi_pad: "u8",
  ifi_type: "u16",
  ifi_index: "i32",
  ifi_flags: "u32",
  ifi_change: "u32",
});

// <linux/if_link.h>
export const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
export const IFLA_LINK = 5;
export const IFLA_MASTER = 10;
export const IFLA_OPERSTATE = 16;
export const IFLA_LINKINFO = 18;
export const IFLA_NET_NS_PID = 19;
export const IFLA_NET_NS_FD = 28;
export const IFLA_INFO_KIND = 1;
export const IFLA_INFO_DATA = 2;
export const IFLA_TXQLEN = 13;

// <linux/veth.h>
export const VETH_INFO_PEER = 1;

// <linux/if_addr.h>
export const IFA_ADDRESS = 1;
export const IFA_LOCAL = 2;
export const IFA_LABEL = 3;
export const IFA_BROADCAST = 4;
export const IFA_FLAGS = 8;
export const IFA_F_PERMANENT = 128;
export const IFA_F_NODAD = 2;
export const ifaddrmsg = /* @__PURE__ */ struct("ifaddrmsg", {
  ifa_family: "u8",
  ifa_prefixlen: "u8",
  ifa_flags: "u8",
  ifa_scope: "u8",
  ifa_index: "u32",
});
