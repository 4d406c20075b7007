/* Fixed-size integers and the few structs and constants of the kernel's interface that the shim uses (x86-64, arm64). */
#ifndef TYPES_H
#define TYPES_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef int s32;
typedef long s64;
typedef u64 size;

#define NULL ((void *)0)

#define EPERM 1
#define ENOENT 2
#define ESRCH 3
#define EINTR 4
#define EIO 5
#define ENXIO 6
#define EAGAIN 11
#define ENOMEM 12
#define EACCES 13
#define EBUSY 16
#define EEXIST 17
#define ENODEV 19
#define ENOTDIR 20
#define EISDIR 21
#define EINVAL 22
#define EMFILE 24
#define ENOSPC 28
#define EPIPE 32
#define ECHILD 10
#define ETIMEDOUT 110
#define ENAMETOOLONG 36
#define ENOSYS 38
#define ELOOP 40
#define EPROTO 71
#define EOPNOTSUPP 95
#define ECONNABORTED 103

#define AT_FDCWD (-100)
#define X_OK 1
#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_EMPTY_PATH 0x1000
#define AT_REMOVEDIR 0x200
#define AT_RECURSIVE 0x8000

#define O_RDONLY 0
#define O_WRONLY 01
#define O_RDWR 02
#define O_CREAT 0100
#define O_EXCL 0200
#define O_TRUNC 01000
#define O_NOCTTY 0400
#define O_APPEND 02000
#define O_NONBLOCK 04000
#define O_CLOEXEC 02000000
#define O_PATH 010000000
#ifdef __aarch64__
#define O_DIRECTORY 040000
#define O_NOFOLLOW 0100000
#else
#define O_DIRECTORY 0200000
#define O_NOFOLLOW 0400000
#endif

#define S_IFMT 0170000
#define S_IFIFO 0010000
#define S_IFCHR 0020000
#define S_IFDIR 0040000
#define S_IFBLK 0060000
#define S_IFREG 0100000
#define S_IFLNK 0120000

#define RESOLVE_NO_XDEV 0x01
#define RESOLVE_NO_MAGICLINKS 0x02
#define RESOLVE_NO_SYMLINKS 0x04
#define RESOLVE_BENEATH 0x08
#define RESOLVE_IN_ROOT 0x10
struct open_how {
	u64 flags;
	u64 mode;
	u64 resolve;
};

#define MOUNT_ATTR_RDONLY 0x1
#define MOUNT_ATTR_NOATIME 0x10
#define MOUNT_ATTR_STRICTATIME 0x20
#define MOUNT_ATTR_NODIRATIME 0x80
#define MOUNT_ATTR_NOSUID 2
#define MOUNT_ATTR_NOEXEC 8
struct mount_attr {
	u64 attr_set;
	u64 attr_clr;
	u64 propagation;
	u64 userns_fd;
};
#define MS_RDONLY 0x1
#define MS_NOSUID 0x2
#define MS_NODEV 0x4
#define MS_NOEXEC 0x8
#define MS_REMOUNT 0x20
#define MS_NOATIME 0x400
#define MS_NODIRATIME 0x800
#define MS_BIND 0x1000
#define MS_REC 0x4000
#define MS_PRIVATE 0x40000
#define MS_STRICTATIME 0x1000000
#define OPEN_TREE_CLONE 1
#define OPEN_TREE_CLOEXEC O_CLOEXEC
#define MOVE_MOUNT_F_EMPTY_PATH 0x04
#define MOVE_MOUNT_T_EMPTY_PATH 0x40
#define MOUNT_ATTR_IDMAP 0x100000
#define FSOPEN_CLOEXEC 1
#define FSPICK_CLOEXEC 1
#define FSPICK_EMPTY_PATH 8
#define FSMOUNT_CLOEXEC 1
#define FSCONFIG_SET_FLAG 0
#define FSCONFIG_SET_STRING 1
#define FSCONFIG_CMD_CREATE 6
#define FSCONFIG_CMD_RECONFIGURE 7
#define MNT_DETACH 2

#define CLONE_PIDFD 0x1000UL
#define CLONE_NEWUSER 0x10000000UL
#define CLONE_PARENT 0x8000UL
#define CLONE_PARENT_SETTID 0x100000UL
#define CLONE_INTO_CGROUP 0x200000000UL
struct clone_args {
	u64 flags;
	u64 pidfd;
	u64 child_tid;
	u64 parent_tid;
	u64 exit_signal;
	u64 stack;
	u64 stack_size;
	u64 tls;
	u64 set_tid;
	u64 set_tid_size;
	u64 cgroup;
};

#define STATX_TYPE 0x1
#define STATX_BASIC_STATS 0x7ff
struct statx {
	u32 stx_mask;
	u32 stx_blksize;
	u64 stx_attributes;
	u32 stx_nlink;
	u32 stx_uid;
	u32 stx_gid;
	u16 stx_mode;
	u16 spare0;
	u64 stx_ino;
	u64 stx_size;
	u64 stx_blocks;
	u64 stx_attributes_mask;
	u64 times[8];
	u32 stx_rdev_major;
	u32 stx_rdev_minor;
	u32 stx_dev_major;
	u32 stx_dev_minor;
	u64 spare[14];
};
struct statfs {
	s64 f_type;
	u64 sizes[9];
	u64 f_flags;
	u64 spare[4];
};
#define PROC_SUPER_MAGIC 0x9fa0
#define DEVPTS_SUPER_MAGIC 0x1cd1

#define AF_INET 2
#define AF_UNIX 1
#define SOCK_SEQPACKET 5
#define SOCK_DGRAM 2
#define SOCK_STREAM 1
#define SOCK_NONBLOCK O_NONBLOCK
#define SOCK_CLOEXEC O_CLOEXEC
#define SOL_SOCKET 1
#define SO_PEERCRED 17
#define SCM_RIGHTS 1
#define MSG_PEEK 0x2
#define MSG_DONTWAIT 0x40
#define MSG_NOSIGNAL 0x4000
#define MSG_CMSG_CLOEXEC 0x40000000
struct iovec {
	void *iov_base;
	u64 iov_len;
};
struct msghdr {
	void *msg_name;
	u32 msg_namelen;
	struct iovec *msg_iov;
	u64 msg_iovlen;
	void *msg_control;
	u64 msg_controllen;
	u32 msg_flags;
};
struct cmsghdr {
	u64 cmsg_len;
	s32 cmsg_level;
	s32 cmsg_type;
};
struct ucred {
	s32 pid;
	u32 uid, gid;
};
struct sockaddr_un {
	u16 sun_family;
	char sun_path[108];
};

#define POLLIN 0x1
#define POLLOUT 0x4
#define POLLERR 0x8
#define POLLHUP 0x10
struct pollfd {
	s32 fd;
	short events, revents;
};
struct timespec {
	s64 tv_sec, tv_nsec;
};
#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define SEEK_SET 0
#define MFD_CLOEXEC 1

#define SIOCGIFFLAGS 0x8913
#define SIOCSIFFLAGS 0x8914
#define IFF_UP 1
struct ifreq {
	char name[16];
	short flags;
	char rest[22];
};

#define TCGETS 0x5401
#define TCSETS 0x5402
#define ONLCR 4
struct termios {
	u32 iflag, oflag, cflag, lflag;
	u8 line, cc[19];
};

#define TIOCSCTTY 0x540e
#define TIOCSWINSZ 0x5414
#define TIOCSPTLCK 0x40045431
#define TIOCGPTPEER 0x5441
struct winsize {
	u16 rows, columns, width, height;
};
#define IOPRIO_WHO_PROCESS 1

#define SIGKILL 9
#define LOCK_EX 2
#define LOCK_NB 4

#define PR_SET_PDEATHSIG 1
#define PR_SET_DUMPABLE 4
#define PR_SET_KEEPCAPS 8
#define PR_SET_NAME 15
#define PR_CAPBSET_READ 23
#define PR_CAPBSET_DROP 24
#define PR_SET_CHILD_SUBREAPER 36
#define PR_SET_NO_NEW_PRIVS 38
#define PR_CAP_AMBIENT 47
#define PR_CAP_AMBIENT_RAISE 2
#define PR_CAP_AMBIENT_CLEAR_ALL 4
#define CAPABILITY_VERSION_3 0x20080522
struct cap_header {
	u32 version;
	s32 pid;
};
struct cap_data {
	u32 effective, permitted, inheritable;
};
#define SECCOMP_SET_MODE_FILTER 1
#define SECCOMP_FILTER_FLAG_NEW_LISTENER 8
struct sock_fprog {
	u16 len;
	void *filter;
};
#define KEYCTL_JOIN_SESSION_KEYRING 1
struct rlimit {
	u64 soft, hard;
};
#define F_DUPFD_CLOEXEC 1030
#define F_SETFD 2
#define F_SETFL 4
#define FD_CLOEXEC 1
#define CLOSE_RANGE_CLOEXEC 4
#define PROT_READ 1
#define PROT_WRITE 2
#define MAP_SHARED 1
#define MAP_PRIVATE 2
#define MAP_ANONYMOUS 0x20
#define MREMAP_MAYMOVE 1
#define MADV_DONTNEED 4

#define SIGPIPE 13
#define SIGCHLD 17
#define SIGPWR 30 /* JavaScriptCore stops its threads with it */
#define SIGNAL_BIT(signal) (1ul << ((signal) - 1))
/*
 * What a command in the foreground passes on to its process: HUP INT QUIT USR1 USR2 PIPE ALRM TERM CONT TSTP TTIN TTOU WINCH PWR,
 * as `forwarded` of src/runtime/foreground.ts.
 */
#define PASSED_ON_SIGNALS                                                                                                 \
	(SIGNAL_BIT(1) | SIGNAL_BIT(2) | SIGNAL_BIT(3) | SIGNAL_BIT(10) | SIGNAL_BIT(12) | SIGNAL_BIT(13) | SIGNAL_BIT(14) | \
	 SIGNAL_BIT(15) | SIGNAL_BIT(18) | SIGNAL_BIT(20) | SIGNAL_BIT(21) | SIGNAL_BIT(22) | SIGNAL_BIT(28) |               \
	 SIGNAL_BIT(SIGPWR))
#define SIG_BLOCK 0
#define SIG_SETMASK 2
#define SFD_CLOEXEC O_CLOEXEC
#define SFD_NONBLOCK O_NONBLOCK
#define WNOHANG 1
/* As the kernel has it (asm/signal.h): handlers are never ours, so nothing of it but the first field is. */
struct sigaction {
	u64 handler, flags, restorer, mask;
};

#endif
