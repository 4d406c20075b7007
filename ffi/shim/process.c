/* Steps about the process itself: namespaces, session, limits, directory. */
#include "clone.h"
#include "monitor.h"

/* Where a monitor waits for init's pid: the kernel writes it there before init runs. */
s32 *cloned_pid;

/* What the half that is left by a clone needs: where both have the same memory, all else is the other's from then on. */
static struct {
	struct message message;
	s32 socket, pidfd;
	u8 stack[4096];
} left_half;

static void tell_and_end(long pid)
{
	struct iovec part = { &left_half.message, sizeof left_half.message };

	left_half.message.value = pid;
	send_packet(left_half.socket, &part, 1, left_half.pidfd);
	for (;;)
		sys_exit_group(0);
}

/*
 * The child goes on with the plan; the parent half tells its pid and ends. Both are children of our own parent. With the memory
 * of its parent half the child need not copy any page, nor that half give any back while the child wants its processor.
 */
void step_clone(const struct step *step)
{
	/* With CLONE_PARENT the exit signal is our own: the field must be 0 (man 2 clone). */
	struct clone_args args = {
		.flags = step->number[0] | CLONE_PARENT | CLONE_PIDFD,
		.pidfd = (u64)&left_half.pidfd,
	};

	if (!(step->flags & STEP_APART))
		args.flags |= CLONE_VM;
	if (step->slot >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = slot_fd(step->slot);
	}
	if (cloned_pid != NULL) {
		args.flags |= CLONE_PARENT_SETTID;
		args.parent_tid = (u64)cloned_pid;
	}
	left_half.message.type = MESSAGE_CLONED;
	left_half.socket = plan_socket;
	must(clone_and_go_on(&args, left_half.stack + sizeof left_half.stack, tell_and_end), "clone3");
	if (step->number[1] != 0)
		must(sys_prctl(PR_SET_PDEATHSIG, step->number[1], 0), "prctl");
}

void step_setns(const struct step *step)
{
	static u64 joined;

	if (step->flags & STEP_REST && joined & step->number[0])
		return;
	long result = sys_setns(slot_fd(step->slot), step->number[0]);
	if (result == -EPERM && step->flags & STEP_TRY)
		return;
	must(result, "setns");
	joined |= step->number[0];
}

void step_unshare(const struct step *step)
{
	must(sys_unshare(step->number[0]), "unshare");
}

/*
 * Before the clone: init is born there, and its cgroup namespace begins there. A thread that moves itself spares the
 * kernel the lock that moving any other process takes (kernel/cgroup/cgroup.c, cgroup_procs_write_start).
 */
void step_cgroup(const struct step *step)
{
	long fd = sys_openat(AT_FDCWD, text_of(step, 0), O_WRONLY | O_CLOEXEC, 0);
	long result = fd < 0 ? fd : sys_write(fd, "0", 1);

	if (fd >= 0)
		sys_close(fd);
	if (result < 0 && step->flags & STEP_OPTIONAL && (result == -EACCES || result == -EPERM || result == -ENOENT))
		return;
	must(result, fd < 0 ? "openat" : "write");
}

void step_sync(const struct step *step)
{
	const char *point = text_of(step, 0);

	send_message(MESSAGE_SYNC, 0, point, length_of(point), -1);
	wait_for_reply();
}

/* A change of credentials has cleared the signal (man 2 PR_SET_PDEATHSIG): set it again, then look who is there. */
void end_with(long parent)
{
	sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0);
	/* It died before we asked. */
	while (sys_getppid() != parent)
		sys_exit_group(1);
}

void step_death_signal(const struct step *step)
{
	u8 byte;

	must(sys_prctl(PR_SET_PDEATHSIG, step->number[0], 0), "prctl");
	if (step->number[0] != 0 && sys_recvfrom(plan_socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		sys_exit_group(1);
}

void step_session(const struct step *step)
{
	(void)step;
	/* Fails only for a process that leads a group: then it leads its session too. */
	sys_setsid();
}

void step_keyring(const struct step *step)
{
	long result = sys_keyctl(KEYCTL_JOIN_SESSION_KEYRING, text_of(step, 0));

	/* A full quota or a kernel without keyrings must not keep a container from starting. */
	if (result < 0 && result != -ENOSYS && result != -EPERM && result != -122 /* EDQUOT */)
		fail("keyctl", -result);
}

void step_loopback(const struct step *step)
{
	struct ifreq interface = { .name = "lo" };
	s32 fd = must(sys_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");

	(void)step;
	must(sys_ioctl(fd, SIOCGIFFLAGS, &interface), "ioctl");
	interface.flags |= IFF_UP;
	must(sys_ioctl(fd, SIOCSIFFLAGS, &interface), "ioctl");
	sys_close(fd);
}

void step_dumpable(const struct step *step)
{
	must(sys_prctl(PR_SET_DUMPABLE, step->number[0], 0), "prctl");
}

void step_hostname(const struct step *step)
{
	const char *name = text_of(step, 0);

	must(sys_sethostname(name, length_of(name)), "sethostname");
}

void step_domainname(const struct step *step)
{
	const char *name = text_of(step, 0);

	must(sys_setdomainname(name, length_of(name)), "setdomainname");
}

void step_rlimit(const struct step *step)
{
	struct rlimit limit = { step->number[1], step->number[2] };

	must(sys_prlimit64(0, step->number[0], &limit, NULL), "prlimit64");
}

void step_umask(const struct step *step)
{
	sys_umask(step->number[0]);
}

void step_chdir(const struct step *step)
{
	static int done;
	char path[4096];

	if (done)
		return;
	long result = sys_chdir(text_of(step, 0));
	if (result < 0 && step->flags & STEP_OPTIONAL)
		return;
	must(result, "chdir");
	/* "(unreachable)…": a directory outside the root, through a descriptor or a race (CVE-2024-21626). */
	must(sys_getcwd(path, sizeof path), "getcwd");
	if (path[0] != '/')
		fail("getcwd", ENOENT);
	done = 1;
}
