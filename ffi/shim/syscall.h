/* System calls without a C library: each returns what the kernel does, a negative errno on failure. */
#ifndef SYSCALL_H
#define SYSCALL_H

#include "types.h"

/* Numbers that differ: x86-64, arm64 (asm/unistd.h). From 424 on they are the same everywhere. */
#ifdef __aarch64__
#define NR(x86_64, arm64) arm64
#else
#define NR(x86_64, arm64) x86_64
#endif

static inline long syscall6(long number, long a, long b, long c, long d, long e, long f)
{
#ifdef __aarch64__
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
	return x0;
#else
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
#endif
}

#define SYSCALL(n, a, b, c, d, e, f) syscall6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* Those that are also made otherwise than below. */
#define SYS_MADVISE NR(28, 233)
#define SYS_CLONE NR(56, 220)
#define SYS_CLONE3 435

#define sys_read(fd, buffer, length) SYSCALL(NR(0, 63), fd, buffer, length, 0, 0, 0)
#define sys_write(fd, buffer, length) SYSCALL(NR(1, 64), fd, buffer, length, 0, 0, 0)
#define sys_close(fd) SYSCALL(NR(3, 57), fd, 0, 0, 0, 0, 0)
#define sys_lseek(fd, offset, whence) SYSCALL(NR(8, 62), fd, offset, whence, 0, 0, 0)
#define sys_mmap(length, protection, flags) SYSCALL(NR(9, 222), 0, length, protection, flags, -1, 0)
#define sys_munmap(address, length) SYSCALL(NR(11, 215), address, length, 0, 0, 0, 0)
#define sys_rt_sigaction(signal, action) SYSCALL(NR(13, 134), signal, action, 0, 8, 0, 0)
#define sys_rt_sigprocmask(how, set) SYSCALL(NR(14, 135), how, set, 0, 8, 0, 0)
#define sys_rt_sigtimedwait(set) SYSCALL(NR(128, 137), set, NULL, NULL, 8, 0, 0)
#define sys_ioctl(fd, request, argument) SYSCALL(NR(16, 29), fd, request, argument, 0, 0, 0)
#define sys_writev(fd, parts, count) SYSCALL(NR(20, 66), fd, parts, count, 0, 0, 0)
#define sys_mremap(address, old, length, flags) SYSCALL(NR(25, 216), address, old, length, flags, 0, 0)
#define sys_mincore(address, length, out) SYSCALL(NR(27, 232), address, length, out, 0, 0, 0)
#define sys_madvise(address, length, advice) SYSCALL(SYS_MADVISE, address, length, advice, 0, 0, 0)
#define sys_socket(family, type, protocol) SYSCALL(NR(41, 198), family, type, protocol, 0, 0, 0)
#define sys_recvfrom(fd, buffer, length, flags) SYSCALL(NR(45, 207), fd, buffer, length, flags, 0, 0)
#define sys_sendmsg(fd, message, flags) SYSCALL(NR(46, 211), fd, message, flags, 0, 0, 0)
#define sys_recvmsg(fd, message, flags) SYSCALL(NR(47, 212), fd, message, flags, 0, 0, 0)
#define sys_bind(fd, address, length) SYSCALL(NR(49, 200), fd, address, length, 0, 0, 0)
#define sys_listen(fd, backlog) SYSCALL(NR(50, 201), fd, backlog, 0, 0, 0, 0)
#define sys_socketpair(family, type, protocol, ends) SYSCALL(NR(53, 199), family, type, protocol, ends, 0, 0)
#define sys_getsockopt(fd, level, name, out, length) SYSCALL(NR(55, 209), fd, level, name, out, length, 0)
#define sys_getpid() SYSCALL(NR(39, 172), 0, 0, 0, 0, 0, 0)
#define sys_clone(flags, pidfd) SYSCALL(SYS_CLONE, flags, 0, pidfd, 0, 0, 0)
#define sys_execve(path, args, env) SYSCALL(NR(59, 221), path, args, env, 0, 0, 0)
#define sys_wait4(pid, status, flags) SYSCALL(NR(61, 260), pid, status, flags, 0, 0, 0)
#define sys_kill(pid, signal) SYSCALL(NR(62, 129), pid, signal, 0, 0, 0, 0)
#define sys_fcntl(fd, command, argument) SYSCALL(NR(72, 25), fd, command, argument, 0, 0, 0)
#define sys_flock(fd, operation) SYSCALL(NR(73, 32), fd, operation, 0, 0, 0, 0)
#define sys_fsync(fd) SYSCALL(NR(74, 82), fd, 0, 0, 0, 0, 0)
#define sys_getcwd(buffer, length) SYSCALL(NR(79, 17), buffer, length, 0, 0, 0, 0)
#define sys_chdir(path) SYSCALL(NR(80, 49), path, 0, 0, 0, 0, 0)
#define sys_fchdir(fd) SYSCALL(NR(81, 50), fd, 0, 0, 0, 0, 0)
#define sys_umask(mask) SYSCALL(NR(95, 166), mask, 0, 0, 0, 0, 0)
#define sys_getuid() SYSCALL(NR(102, 174), 0, 0, 0, 0, 0, 0)
#define sys_getppid() SYSCALL(NR(110, 173), 0, 0, 0, 0, 0, 0)
#define sys_geteuid() SYSCALL(NR(107, 175), 0, 0, 0, 0, 0, 0)
#define sys_setsid() SYSCALL(NR(112, 157), 0, 0, 0, 0, 0, 0)
#define sys_setgroups(count, groups) SYSCALL(NR(116, 159), count, groups, 0, 0, 0, 0)
#define sys_setresuid(uid) SYSCALL(NR(117, 147), uid, uid, uid, 0, 0, 0)
#define sys_setresgid(gid) SYSCALL(NR(119, 149), gid, gid, gid, 0, 0, 0)
#define sys_capget(header, data) SYSCALL(NR(125, 90), header, data, 0, 0, 0, 0)
#define sys_capset(header, data) SYSCALL(NR(126, 91), header, data, 0, 0, 0, 0)
#define sys_fstatfs(fd, out) SYSCALL(NR(138, 44), fd, out, 0, 0, 0, 0)
#define sys_pivot_root(root, old) SYSCALL(NR(155, 41), root, old, 0, 0, 0, 0)
#define sys_prctl(option, a, b) SYSCALL(NR(157, 167), option, a, b, 0, 0, 0)
#define sys_mount(source, target, type, flags) SYSCALL(NR(165, 40), source, target, type, flags, 0, 0)
#define sys_umount2(path, flags) SYSCALL(NR(166, 39), path, flags, 0, 0, 0, 0)
#define sys_sethostname(name, length) SYSCALL(NR(170, 161), name, length, 0, 0, 0, 0)
#define sys_setdomainname(name, length) SYSCALL(NR(171, 162), name, length, 0, 0, 0, 0)
#define sys_getdents64(fd, out, length) SYSCALL(NR(217, 61), fd, out, length, 0, 0, 0)
#define sys_clock_gettime(clock, out) SYSCALL(NR(228, 113), clock, out, 0, 0, 0, 0)
#define sys_exit_group(code) SYSCALL(NR(231, 94), code, 0, 0, 0, 0, 0)
#define sys_keyctl(operation, argument) SYSCALL(NR(250, 219), operation, argument, 0, 0, 0, 0)
#define sys_openat(fd, path, flags, mode) SYSCALL(NR(257, 56), fd, path, flags, mode, 0, 0)
#define sys_mkdirat(fd, path, mode) SYSCALL(NR(258, 34), fd, path, mode, 0, 0, 0)
#define sys_mknodat(fd, path, mode, device) SYSCALL(NR(259, 33), fd, path, mode, device, 0, 0)
#define sys_fchownat(fd, path, uid, gid, flags) SYSCALL(NR(260, 54), fd, path, uid, gid, flags, 0)
#define sys_unlinkat(fd, path, flags) SYSCALL(NR(263, 35), fd, path, flags, 0, 0, 0)
#define sys_symlinkat(target, fd, path) SYSCALL(NR(266, 36), target, fd, path, 0, 0, 0)
#define sys_readlinkat(fd, path, buffer, length) SYSCALL(NR(267, 78), fd, path, buffer, length, 0, 0)
#define sys_fchmodat(fd, path, mode) SYSCALL(NR(268, 53), fd, path, mode, 0, 0, 0)
#define sys_faccessat(fd, path, mode) SYSCALL(NR(269, 48), fd, path, mode, 0, 0, 0)
#define sys_ppoll(fds, count, timeout) SYSCALL(NR(271, 73), fds, count, timeout, 0, 0, 0)
#define sys_chroot(path) SYSCALL(NR(161, 51), path, 0, 0, 0, 0, 0)
#define sys_unshare(flags) SYSCALL(NR(272, 97), flags, 0, 0, 0, 0, 0)
#define sys_accept4(fd, flags) SYSCALL(NR(288, 242), fd, 0, 0, flags, 0, 0)
#define sys_signalfd4(fd, set, flags) SYSCALL(NR(289, 74), fd, set, 8, flags, 0, 0)
#define sys_dup3(from, to, flags) SYSCALL(NR(292, 24), from, to, flags, 0, 0, 0)
#define sys_pipe2(ends, flags) SYSCALL(NR(293, 59), ends, flags, 0, 0, 0, 0)
#define sys_prlimit64(pid, resource, limit, old) SYSCALL(NR(302, 261), pid, resource, limit, old, 0, 0)
#define sys_syncfs(fd) SYSCALL(NR(306, 267), fd, 0, 0, 0, 0, 0)
#define sys_setns(fd, flags) SYSCALL(NR(308, 268), fd, flags, 0, 0, 0, 0)
#define sys_renameat2(from, old, to, new, flags) SYSCALL(NR(316, 276), from, old, to, new, flags, 0)
#define sys_personality(persona) SYSCALL(NR(135, 92), persona, 0, 0, 0, 0, 0)
#define sys_sched_getaffinity(pid, length, mask) SYSCALL(NR(204, 123), pid, length, mask, 0, 0, 0)
#define sys_getcpu(cpu) SYSCALL(NR(309, 168), cpu, NULL, NULL, 0, 0, 0)
#define sys_sched_setaffinity(pid, length, mask) SYSCALL(NR(203, 122), pid, length, mask, 0, 0, 0)
#define sys_set_mempolicy(mode, nodes, count) SYSCALL(NR(238, 237), mode, nodes, count, 0, 0, 0)
#define sys_ioprio_set(which, who, priority) SYSCALL(NR(251, 30), which, who, priority, 0, 0, 0)
#define sys_sched_setattr(pid, attributes, flags) SYSCALL(NR(314, 274), pid, attributes, flags, 0, 0, 0)
#define sys_seccomp(operation, flags, argument) SYSCALL(NR(317, 277), operation, flags, argument, 0, 0, 0)
#define sys_memfd_create(name, flags) SYSCALL(NR(319, 279), name, flags, 0, 0, 0, 0)
#define sys_execveat(fd, path, args, env, flags) SYSCALL(NR(322, 281), fd, path, args, env, flags, 0)
#define sys_statx(fd, path, flags, mask, out) SYSCALL(NR(332, 291), fd, path, flags, mask, out, 0)
#define sys_pidfd_send_signal(fd, signal) SYSCALL(424, fd, signal, NULL, 0, 0, 0)
#define sys_open_tree(fd, path, flags) SYSCALL(428, fd, path, flags, 0, 0, 0)
#define sys_move_mount(from, to, flags) SYSCALL(429, from, "", to, "", flags, 0)
#define sys_fsopen(type, flags) SYSCALL(430, type, flags, 0, 0, 0, 0)
#define sys_fsconfig(fd, command, key, value) SYSCALL(431, fd, command, key, value, 0, 0)
#define sys_fsmount(fd, flags, attributes) SYSCALL(432, fd, flags, attributes, 0, 0, 0)
#define sys_sendfile(out, in, offset, count) SYSCALL(NR(40, 71), out, in, offset, count, 0, 0)
#define sys_kill(pid, signal) SYSCALL(NR(62, 129), pid, signal, 0, 0, 0, 0)
#define sys_utimensat(fd, path, times, flags) SYSCALL(NR(280, 88), fd, path, times, flags, 0, 0)
#define sys_fspick(fd, path, flags) SYSCALL(433, fd, path, flags, 0, 0, 0)
#define sys_pidfd_open(pid, flags) SYSCALL(434, pid, flags, 0, 0, 0, 0)
#define sys_clone3(args, length) SYSCALL(SYS_CLONE3, args, length, 0, 0, 0, 0)
#define sys_close_range(first, last, flags) SYSCALL(436, first, last, flags, 0, 0, 0)
#define sys_openat2(fd, path, how, length) SYSCALL(437, fd, path, how, length, 0, 0)
#define sys_mount_setattr(fd, flags, attributes, length) SYSCALL(442, fd, "", flags, attributes, length, 0)

#endif
